// SPDX-License-Identifier: GPL-2.0-only
/* Messages: see message.hpp. */
#include "table/message.hpp"

namespace dmsnap {

namespace {

using Kind = Message::Kind;

/*
 * One message: its words (the second may be nullptr), and whether a number follows, with its
 * limits.  Without a number, @most is the value that the words stand for.
 */
struct Form {
	const char *first;
	const char *second;
	Kind kind;
	bool number;
	uint32_t least;
	uint32_t most;
};

constexpr Form forms[] = {
	{"stats", nullptr, Kind::stats, false, 0, 0},
	{"stats", "reset", Kind::stats_reset, false, 0, 0},
	{"commit", nullptr, Kind::commit, false, 0, 0},
	{"merge", "pause", Kind::merge_pause, false, 0, 0},
	{"merge", "resume", Kind::merge_resume, false, 0, 0},
	{"merge", "rate", Kind::merge_rate, true, 0, merge_rate_max},
	{"stall", "on", Kind::stall_on, false, 0, 0},
	{"stall", "off", Kind::stall_off, false, 0, 0},
	{"low_water", nullptr, Kind::low_water, true, 0, low_water_max},
	{"in_flight", nullptr, Kind::in_flight, true, 0, in_flight_max},
	{"copy_ahead", "on", Kind::copy_ahead, false, copy_ahead_on_kib, copy_ahead_on_kib},
	{"copy_ahead", "off", Kind::copy_ahead, false, 0, 0},
	{"copy_ahead", nullptr, Kind::copy_ahead, true, copy_ahead_min_kib, copy_ahead_max_kib},
	{"commit_delay", nullptr, Kind::commit_delay, true, 1, commit_delay_max_ms},
};

bool equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* Larger numbers are clamped to one above every limit. */
bool parse_number(const char *word, uint64_t &value)
{
	constexpr uint64_t too_much = uint64_t{UINT32_MAX} + 1;
	if (*word == '\0')
		return false;
	value = 0;
	for (; *word >= '0' && *word <= '9'; word++) {
		value = value * 10 + static_cast<uint64_t>(*word - '0');
		if (value > too_much)
			value = too_much;
	}
	return *word == '\0';
}

} // namespace

std::expected<Message, const char *> parse_message(unsigned int argc, const char *const *argv)
{
	if (argc == 0)
		return std::unexpected("a message needs at least one word");
	bool known = false;
	for (const Form &form : forms) {
		if (!equal(argv[0], form.first))
			continue;
		known = true;
		unsigned int words = form.second ? 2 : 1;
		if (form.second && (argc < 2 || !equal(argv[1], form.second)))
			continue;
		if (argc != words + form.number)
			continue;
		if (!form.number)
			return Message{form.kind, form.most};
		uint64_t value;
		if (!parse_number(argv[words], value))
			return std::unexpected("not a number");
		if (value < form.least || value > form.most)
			return std::unexpected("the number is out of range");
		return Message{form.kind, static_cast<uint32_t>(value)};
	}
	return std::unexpected(known ? "words are missing, unknown or too many"
				     : "there is no such message");
}

} // namespace dmsnap
