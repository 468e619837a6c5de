// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages.  The words go through the parser, whose result is computed here a second time.  Then
 * they go to a snapshot of each kind, between writes.  It accepts the messages for its kind and
 * refuses the others with a line in the log.  The answer does not exceed its buffer, and the
 * snapshot's contents do not change.
 *
 *   input: kind, length of the answer | words, each up to a zero byte; an empty one
 *   ends a message
 */
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/check.hpp"
#include "fuzz/input.hpp"
#include "fuzz/port/crank.hpp"
#include "fuzz/port/log.hpp"
#include "fuzz/port/machine.hpp"
#include "fuzz/words.hpp"
#include "table/message.hpp"

namespace dmsnap::fuzz {
namespace {

using Kind = Message::Kind;

std::optional<uint32_t> number_of(std::string_view word, uint64_t least, uint64_t most)
{
	if (word.empty() || word.find_first_not_of("0123456789") != word.npos)
		return {};
	word.remove_prefix(std::min(word.find_first_not_of('0'), word.size()));
	if (word.size() > 10)
		return {};
	uint64_t value = word.empty() ? 0 : std::stoull(std::string(word));
	if (value < least || value > most)
		return {};
	return static_cast<uint32_t>(value);
}

std::optional<Message> meaning_of(const Words &words)
{
	std::string line;
	for (unsigned int i = 0; i < words.count(); i++)
		line += (i ? " " : "") + std::string(words[i]);
	constexpr struct {
		const char *line;
		Kind kind;
	} plain[] = {
		{"stats", Kind::stats},
		{"stats reset", Kind::stats_reset},
		{"commit", Kind::commit},
		{"merge pause", Kind::merge_pause},
		{"merge resume", Kind::merge_resume},
		{"stall on", Kind::stall_on},
		{"stall off", Kind::stall_off},
	};
	if (words.count() == 2 && line == "copy_ahead on")
		return Message{Kind::copy_ahead, 1024};
	if (words.count() == 2 && line == "copy_ahead off")
		return Message{Kind::copy_ahead, 0};
	for (const auto &[text, kind] : plain)
		if (line == text && words.count() == 1u + (std::strchr(text, ' ') != nullptr))
			return Message{kind};

	constexpr struct {
		unsigned int words;
		const char *line;
		Kind kind;
		uint64_t least;
		uint64_t most;
	} numbered[] = {
		{3, "merge rate ", Kind::merge_rate, 0, UINT32_MAX},
		{2, "low_water ", Kind::low_water, 0, 100},
		{2, "in_flight ", Kind::in_flight, 0, UINT32_MAX},
		{2, "copy_ahead ", Kind::copy_ahead, 16, 2048},
		{2, "commit_delay ", Kind::commit_delay, 1, 60000},
	};
	for (const auto &form : numbered) {
		if (words.count() != form.words || !line.starts_with(form.line))
			continue;
		if (line.size() - std::strlen(form.line) != std::strlen(words[form.words - 1]))
			continue;
		auto number = number_of(words[form.words - 1], form.least, form.most);
		if (number)
			return Message{form.kind, *number};
	}
	return {};
}

bool is_for(TargetType type, bool persistent, Kind kind)
{
	switch (kind) {
	case Kind::merge_pause:
	case Kind::merge_resume:
	case Kind::merge_rate:
		return type == TargetType::merge;
	case Kind::commit:
	case Kind::stall_on:
	case Kind::stall_off:
		return type == TargetType::snapshot && persistent;
	case Kind::copy_ahead:
		return type == TargetType::snapshot;
	default:
		return true;
	}
}

void send(Table &table, TargetType type, bool persistent, Words &words, size_t answer_bytes)
{
	auto message = parse_message(words.count(), words.argv());
	auto expected = meaning_of(words);
	FUZZ_CHECK(message.has_value() == expected.has_value());
	if (message) {
		FUZZ_CHECK(message->kind == expected->kind && message->value == expected->value);
	} else {
		FUZZ_CHECK(message.error() && message.error()[0]);
	}

	/* A buffer of exactly this length, so that a write past its end is detected. */
	std::vector<char> answer(answer_bytes, '?');
	log_counters = {};
	int error = table.message(words.count(), words.argv(), answer);
	bool taken = message && is_for(type, persistent, message->kind);
	FUZZ_CHECK(error == (taken ? 0 : -EINVAL));
	FUZZ_CHECK((log_counters.complaints > 0) == !taken);
	FUZZ_CHECK(answer.empty() || std::memchr(answer.data(), 0, answer.size()));
	bool answers = taken && (message->kind == Kind::commit || message->kind == Kind::stats);
	FUZZ_CHECK(answer.size() < 2 || (answer[0] != 0) == answers);
}

void run(Input &input)
{
	Machine &machine = Machine::instance();
	uint8_t choice = input.byte();
	size_t answer_bytes = input.byte() * (choice & 128 ? 16u : 1u);
	bool persistent = choice % 4 != 2;
	TargetType type = choice % 4 == 3 ? TargetType::merge : TargetType::snapshot;
	/* Either 63 chunks, fewer than are written, or more. */
	uint64_t cow_sectors = choice & 4 ? 65 : 400;
	machine.origin().reset(256, 1);
	machine.use_cow(false).reset(cow_sectors, 1);
	Words line(std::string_view(persistent ? "252:0 252:1 P 1" : "252:0 252:1 N 1"));
	auto table = std::make_unique<Table>();
	FUZZ_CHECK(table->load(TargetType::snapshot, 256, line.count(), line.argv()) == 0);
	FUZZ_CHECK(table->resume() == 0);
	uint8_t data[16 * sector_size];
	if (type == TargetType::merge) {
		std::memset(data, 7, sizeof(data));
		FUZZ_CHECK(table->write(0, 16, data) == 0);
		table->suspend();
		table->remove();
		table = std::make_unique<Table>();
		FUZZ_CHECK(table->load(type, 256, line.count(), line.argv()) == 0);
		FUZZ_CHECK(table->resume() == 0);
	}

	std::vector<uint8_t> bytes;
	uint64_t at = 0;
	for (bool more = true; more;) {
		bytes.clear();
		while ((more = !input.empty())) {
			uint8_t byte = input.byte();
			if (byte == 0 && (bytes.empty() || bytes.back() == 0))
				break;
			bytes.push_back(byte);
		}
		Words words{std::span<const uint8_t>(bytes)};
		send(*table, type, persistent, words, answer_bytes);
		/* Writes between messages, so few that no stall needs a timer. */
		if (at < 48 && type == TargetType::snapshot) {
			std::memset(data, static_cast<int>(at), sizeof(data));
			FUZZ_CHECK(table->write(at, 16, data) == 0);
			std::memset(data, 0, sizeof(data));
			FUZZ_CHECK(table->read(at, 16, data) == 0);
			FUZZ_CHECK(data[0] == at && data[sizeof(data) - 1] == at);
			at += 16;
		}
	}
	table->suspend();
}

} // namespace
} // namespace dmsnap::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	dmsnap::fuzz::Input input(data, bytes);
	dmsnap::fuzz::run(input);
	dmsnap::fuzz::Machine::instance().check_nothing_left();
	return 0;
}
