// SPDX-License-Identifier: GPL-2.0-only
#include "table/table_line.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace dmsnap {
namespace {

constexpr format::BlockSizes blocks_512{.origin_sectors = 1, .cow_sectors = 1};
constexpr format::BlockSizes blocks_4k{.origin_sectors = 8, .cow_sectors = 8};

using Words = std::vector<const char *>;

auto features_of(const Words &words)
{
	return parse_features(static_cast<unsigned int>(words.size()), words.data());
}

/* The features after the first four words, which are not read here. */
auto features_behind(const Words &words)
{
	/* Null, because these words must not be read. */
	Words line(4, nullptr);
	line.insert(line.end(), words.begin(), words.end());
	return features_of(line);
}

const char *complaint(const Words &words)
{
	auto features = features_behind(words);
	return features ? "" : features.error();
}

void expect_features(const Words &words, bool zeroes, bool passdown)
{
	auto features = features_behind(words);
	ASSERT_TRUE(features) << features.error();
	EXPECT_EQ(features->discard_zeroes_cow, zeroes);
	EXPECT_EQ(features->discard_passdown_origin, passdown);
}

constexpr const char *bad_count = "Invalid number of feature arguments";

TEST(TableFeatures, less_than_four_words_are_too_few)
{
	for (size_t words = 0; words < 4; words++) {
		auto features = features_of(Words(words, nullptr));
		ASSERT_FALSE(features) << words;
		EXPECT_STREQ(features.error(), "requires 4 or more arguments");
	}
}

TEST(TableFeatures, may_be_left_out)
{
	expect_features({}, false, false);
	expect_features({"0"}, false, false);
}

TEST(TableFeatures, are_taken_in_any_order_and_case)
{
	expect_features({"1", "discard_zeroes_cow"}, true, false);
	expect_features({"1", "DISCARD_Zeroes_CoW"}, true, false);
	expect_features({"2", "discard_zeroes_cow", "discard_passdown_origin"}, true, true);
	expect_features({"2", "Discard_Passdown_Origin", "discard_zeroes_cow"}, true, true);
}

TEST(TableFeatures, that_in_tree_lacks_may_be_one_more)
{
	auto features = features_behind({"1", "Stall_On_Full"});
	ASSERT_TRUE(features) << features.error();
	EXPECT_TRUE(features->stall_on_full);
	EXPECT_FALSE(features->discard_zeroes_cow);
	features = features_behind(
		{"3", "discard_passdown_origin", "stall_on_full", "discard_zeroes_cow"});
	ASSERT_TRUE(features) << features.error();
	EXPECT_TRUE(features->stall_on_full && features->discard_zeroes_cow &&
		    features->discard_passdown_origin);
	EXPECT_STREQ(complaint({"4", "stall_on_full", "stall_on_full", "stall_on_full",
				"stall_on_full"}),
		     bad_count);
	EXPECT_STREQ(complaint({"2", "stall_on_full", "discard_passdown_origin"}),
		     "discard_passdown_origin feature depends on discard_zeroes_cow");
	/* A word after the counted ones is ignored. */
	EXPECT_STREQ(complaint({"3", "discard_zeroes_cow", "discard_zeroes_cow",
				"discard_zeroes_cow", "stall_on_full"}),
		     bad_count);
	EXPECT_STREQ(complaint({"1", "stall_on_ful"}), "Unrecognised feature requested");
}

TEST(TableFeatures, stall_may_be_ruled_out_and_not_be_asked_for_too)
{
	auto features = features_behind({"1", "NO_stall_on_full"});
	ASSERT_TRUE(features) << features.error();
	EXPECT_TRUE(features->no_stall_on_full && !features->stall_on_full);
	features = features_behind(
		{"3", "no_stall_on_full", "discard_zeroes_cow", "discard_passdown_origin"});
	ASSERT_TRUE(features) << features.error();
	EXPECT_TRUE(features->no_stall_on_full && features->discard_passdown_origin);
	for (const Words &words : {Words{"2", "stall_on_full", "no_stall_on_full"},
				   Words{"2", "no_stall_on_full", "stall_on_full"}})
		EXPECT_STREQ(complaint(words),
			     "stall_on_full and no_stall_on_full exclude each other");
}

TEST(TableFeatures, may_come_twice)
{
	expect_features({"2", "DISCARD_zeroes_cow", "discard_zeroes_cow", "junk"}, true, false);
}

TEST(TableFeatures, words_after_the_counted_ones_are_ignored)
{
	expect_features({"0", "junk"}, false, false);
	expect_features({"0", "discard_zeroes_cow"}, false, false);
	expect_features({"1", "discard_zeroes_cow", "discard_passdown_origin"}, true, false);
}

TEST(TableFeatures, count_above_two_or_above_the_words_there_are_is_refused)
{
	EXPECT_STREQ(complaint({"3", "discard_zeroes_cow", "discard_zeroes_cow", "junk"}),
		     bad_count);
	EXPECT_STREQ(complaint({"1"}), bad_count);
	EXPECT_STREQ(complaint({"2", "discard_zeroes_cow"}), bad_count);
	EXPECT_STREQ(complaint({"4294967295"}), bad_count);
}

TEST(TableFeatures, count_that_is_no_number_is_refused)
{
	for (const char *word : {"", " ", "x", "discard_zeroes_cow", "+1", "-1", "-0", "1x", "1 ",
				 "1\n", "0x1", "1.0", "\x80"})
		EXPECT_STREQ(complaint({word, "discard_zeroes_cow"}), bad_count) << word;
}

TEST(TableFeatures, count_is_read_as_dm_core_reads_numbers)
{
	for (const char *word : {"1", "01", "0000000000000000000000001", " 1", "\t\n\v\f\r 1",
				 "\xa0"
				 "1",
				 /* 2^32 + 1 and 2^64 + 1: only the low 32 bits count. */
				 "4294967297", "18446744073709551617"})
		expect_features({word, "discard_zeroes_cow"}, true, false);
}

TEST(TableFeatures, unknown_name_is_refused)
{
	constexpr const char *unknown = "Unrecognised feature requested";
	for (const char *name :
	     {"", "junk", "discard_zeroes_co", "discard_zeroes_cow2", " discard_zeroes_cow",
	      "discard-zeroes-cow", "discard_zeroes_cow "})
		EXPECT_STREQ(complaint({"1", name}), unknown) << name;
	EXPECT_STREQ(complaint({"2", "discard_zeroes_cow", "junk"}), unknown);
	EXPECT_STREQ(complaint({"2", "junk", "discard_zeroes_cow"}), unknown);
}

TEST(TableFeatures, passdown_alone_is_refused)
{
	constexpr const char *depends =
		"discard_passdown_origin feature depends on discard_zeroes_cow";
	EXPECT_STREQ(complaint({"1", "discard_passdown_origin"}), depends);
	EXPECT_STREQ(complaint({"1", "discard_passdown_origin", "discard_zeroes_cow"}), depends);
	EXPECT_STREQ(complaint({"2", "discard_passdown_origin", "discard_passdown_origin"}),
		     depends);
}

/* An unknown feature is reported before a passdown that lacks its other feature. */
TEST(TableFeatures, unknown_name_is_reported_before_a_missing_one)
{
	EXPECT_STREQ(complaint({"2", "discard_passdown_origin", "junk"}),
		     "Unrecognised feature requested");
}

Error store_error(const char *type, const char *chunk,
		  const format::BlockSizes &blocks = blocks_512)
{
	auto store = parse_store(type, chunk, blocks);
	EXPECT_FALSE(store) << type << " " << chunk;
	return store ? Error{} : store.error();
}

void expect_type(const char *word, StoreType type, bool overflow)
{
	auto store = parse_store(word, "8", blocks_512);
	ASSERT_TRUE(store) << word << ": " << to_text(store.error());
	EXPECT_EQ(store->type, type) << word;
	EXPECT_EQ(store->overflow, overflow) << word;
	EXPECT_EQ(store->chunk_sectors, 8u);
}

TEST(TableStore, first_letter_is_the_type_in_either_case)
{
	expect_type("P", StoreType::persistent, false);
	expect_type("p", StoreType::persistent, false);
	expect_type("N", StoreType::transient, false);
	expect_type("n", StoreType::transient, false);
}

TEST(TableStore, letters_after_n_are_ignored)
{
	for (const char *word : {"NO", "nope", "N ", "N\xff", "Nothing"})
		expect_type(word, StoreType::transient, false);
}

TEST(TableStore, o_after_p_enables_overflow)
{
	for (const char *word : {"PO", "Po", "pO", "po", "POX", "potato", "PO "})
		expect_type(word, StoreType::persistent, true);
}

TEST(TableStore, anything_else_after_p_is_refused)
{
	for (const char *word : {"PX", "P0", "P ", "PPO", "persistent", "P\xff"})
		EXPECT_EQ(store_error(word, "8"), Error::store_option_unknown) << word;
}

TEST(TableStore, other_types_are_refused)
{
	for (const char *word : {"", "X", "0", " P", "transient", "\xd0", "OP"})
		EXPECT_EQ(store_error(word, "8"), Error::store_type_unknown) << word;
}

TEST(TableStore, chunk_size_zero_is_left_open_for_both_types)
{
	for (const char *type : {"P", "PO", "N"}) {
		for (const char *chunk : {"0", "+0", "000", "0\n"}) {
			auto store = parse_store(type, chunk, blocks_4k);
			ASSERT_TRUE(store) << type << " " << chunk;
			EXPECT_EQ(store->chunk_sectors, 0u);
		}
	}
}

TEST(TableStore, chunk_size_must_suit_the_devices)
{
	EXPECT_EQ(store_error("P", "7"), Error::chunk_size_not_power_of_2);
	EXPECT_EQ(store_error("P", "4", blocks_4k), Error::chunk_size_not_of_blocks);
	EXPECT_EQ(store_error("N", "4194304"), Error::chunk_size_too_high);
	EXPECT_TRUE(parse_store("N", "2097152", blocks_4k));
}

TEST(TableStore, mistakes_are_reported_in_the_order_of_the_contract)
{
	EXPECT_EQ(store_error("X", "junk"), Error::store_type_unknown);
	EXPECT_EQ(store_error("PX", "junk"), Error::chunk_size_not_a_number);
	EXPECT_EQ(store_error("PX", "7"), Error::chunk_size_not_power_of_2);
	EXPECT_EQ(store_error("PX", "4", blocks_4k), Error::chunk_size_not_of_blocks);
	EXPECT_EQ(store_error("PX", "4194304"), Error::chunk_size_too_high);
	EXPECT_EQ(store_error("PX", "8"), Error::store_option_unknown);
	EXPECT_EQ(store_error("PX", "0"), Error::store_option_unknown);
}

TEST(TableStore, reasons_for_the_log_are_the_known_sentences)
{
	EXPECT_STREQ(to_text(store_error("X", "8")), "Exception store type is not P or N");
	EXPECT_STREQ(to_text(store_error("P", "eight")), "Invalid chunk size");
	EXPECT_STREQ(to_text(store_error("P", "7")), "Chunk size is not a power of 2");
	EXPECT_STREQ(to_text(store_error("P", "4", blocks_4k)),
		     "Chunk size is not a multiple of device blocksize");
	EXPECT_STREQ(to_text(store_error("P", "4194304")), "Chunk size is too high");
	EXPECT_STREQ(to_text(store_error("PX", "8")), "Unsupported persistent store option");
}

TEST(ChunkSizeText, largest_number_of_32_bits_passes_and_the_next_does_not)
{
	EXPECT_EQ(parse_chunk_sectors("4294967295"), 4294967295u);
	EXPECT_EQ(parse_chunk_sectors("+00000000000000000000004294967295\n"), 4294967295u);
	for (const char *word :
	     {"4294967296", "4294967297", "18446744073709551615", "18446744073709551616",
	      "18446744073709551617", "99999999999999999999999999999999999999999"}) {
		auto parsed = parse_chunk_sectors(word);
		ASSERT_FALSE(parsed) << word;
		EXPECT_EQ(parsed.error(), Error::chunk_size_not_a_number);
	}
}

/* The same rule as a state machine over the characters. */
std::optional<uint32_t> number_by_rule(const std::string &text)
{
	enum { start, sign, digits, newline } state = start;
	uint32_t value = 0;
	for (char c : text) {
		if (c >= '0' && c <= '9' && state != newline) {
			state = digits;
			value = value * 10 + static_cast<uint32_t>(c - '0');
		} else if (c == '+' && state == start) {
			state = sign;
		} else if (c == '\n' && state == digits) {
			state = newline;
		} else {
			return std::nullopt;
		}
	}
	return state == digits || state == newline ? std::optional(value) : std::nullopt;
}

TEST(ChunkSizeText, every_short_text_is_read_by_the_rule)
{
	const std::string letters = "+-019 \nx";
	std::vector<std::string> texts{""};
	for (size_t i = 0; i < texts.size(); i++) {
		const std::string text = texts[i];
		auto parsed = parse_chunk_sectors(text.c_str());
		auto expected = number_by_rule(text);
		ASSERT_EQ(parsed.has_value(), expected.has_value()) << "\"" << text << "\"";
		if (parsed)
			ASSERT_EQ(*parsed, *expected) << "\"" << text << "\"";
		else
			ASSERT_EQ(parsed.error(), Error::chunk_size_not_a_number);
		if (text.size() < 5) {
			for (char letter : letters)
				texts.push_back(text + letter);
		}
	}
}

} // namespace
} // namespace dmsnap
