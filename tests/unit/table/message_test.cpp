// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "table/message.hpp"

namespace dmsnap::test {
namespace {

using Kind = Message::Kind;

std::expected<Message, const char *> parse(const std::vector<const char *> &words)
{
	return parse_message(static_cast<unsigned int>(words.size()), words.data());
}

void expect(const std::vector<const char *> &words, Kind kind, uint32_t value = 0)
{
	auto message = parse(words);
	ASSERT_TRUE(message) << words[0] << ": " << message.error();
	EXPECT_EQ(message->kind, kind) << words[0];
	EXPECT_EQ(message->value, value) << words[0];
}

void expect_error(const std::vector<const char *> &words, const std::string &error)
{
	auto message = parse(words);
	ASSERT_FALSE(message);
	EXPECT_EQ(message.error(), error);
}

TEST(Message, is_what_its_words_say)
{
	expect({"stats"}, Kind::stats);
	expect({"stats", "reset"}, Kind::stats_reset);
	expect({"commit"}, Kind::commit);
	expect({"merge", "pause"}, Kind::merge_pause);
	expect({"merge", "resume"}, Kind::merge_resume);
	expect({"merge", "rate", "2048"}, Kind::merge_rate, 2048);
	expect({"stall", "on"}, Kind::stall_on);
	expect({"stall", "off"}, Kind::stall_off);
	expect({"low_water", "80"}, Kind::low_water, 80);
	expect({"in_flight", "16"}, Kind::in_flight, 16);
	expect({"commit_delay", "5000"}, Kind::commit_delay, 5000);
	expect({"copy_ahead", "on"}, Kind::copy_ahead, 1024);
	expect({"copy_ahead", "off"}, Kind::copy_ahead, 0);
	expect({"copy_ahead", "64"}, Kind::copy_ahead, 64);
}

TEST(Message, has_limits_to_its_number)
{
	expect({"low_water", "0"}, Kind::low_water, 0);
	expect({"low_water", "100"}, Kind::low_water, 100);
	expect_error({"low_water", "101"}, "the number is out of range");
	expect({"commit_delay", "1"}, Kind::commit_delay, 1);
	expect_error({"commit_delay", "0"}, "the number is out of range");
	expect_error({"commit_delay", "60001"}, "the number is out of range");
	expect({"copy_ahead", "16"}, Kind::copy_ahead, 16);
	expect_error({"copy_ahead", "15"}, "the number is out of range");
	expect({"copy_ahead", "2048"}, Kind::copy_ahead, 2048);
	expect_error({"copy_ahead", "2049"}, "the number is out of range");
	expect({"merge", "rate", "4294967295"}, Kind::merge_rate, 4294967295);
	expect_error({"merge", "rate", "4294967296"}, "the number is out of range");
	/* 2^64 + 1. */
	expect_error({"in_flight", "18446744073709551617"}, "the number is out of range");
	expect({"in_flight", "000000000000000000000000000007"}, Kind::in_flight, 7);
}

TEST(Message, takes_nothing_for_a_number_but_digits)
{
	for (const char *word : {"", "-1", "+1", " 1", "1 ", "0x10", "1k", "ten"})
		expect_error({"low_water", word}, "not a number");
}

TEST(Message, of_other_words_is_refused)
{
	expect_error({}, "a message needs at least one word");
	expect_error({"status"}, "there is no such message");
	expect_error({"STATS"}, "there is no such message");
	expect_error({"stat"}, "there is no such message");
	expect_error({"statss"}, "there is no such message");
	expect_error({"stats", "again"}, "words are missing, unknown or too many");
	expect_error({"stats", "reset", "now"}, "words are missing, unknown or too many");
	expect_error({"commit", "now"}, "words are missing, unknown or too many");
	expect_error({"merge"}, "words are missing, unknown or too many");
	expect_error({"merge", "rate"}, "words are missing, unknown or too many");
	expect_error({"merge", "pause", "1"}, "words are missing, unknown or too many");
	expect_error({"low_water"}, "words are missing, unknown or too many");
	expect_error({"low_water", "1", "2"}, "words are missing, unknown or too many");
}

} // namespace
} // namespace dmsnap::test
