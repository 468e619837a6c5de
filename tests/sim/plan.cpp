// SPDX-License-Identifier: GPL-2.0-only
#include "sim/plan.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "user/failure.hpp"
#include "user/random.hpp"

namespace dmsnap::sim {
namespace {

using user::Random;

struct Kind {
	const char *name;
	/* Relative frequencies, in runs with a busy and with a quiet origin. */
	unsigned int busy;
	unsigned int quiet;
	/* Only in runs with one of these troubles; 0: in all runs. */
	unsigned int trouble;
};

constexpr Kind kinds[action_count] = {
	[static_cast<int>(Action::write_origin)] = {"write origin", 24, 4, 0},
	[static_cast<int>(Action::read_origin)] = {"read origin", 3, 2, 0},
	[static_cast<int>(Action::flush_origin)] = {"flush origin", 3, 2, 0},
	[static_cast<int>(Action::write_snapshot)] = {"write snapshot", 14, 26, 0},
	[static_cast<int>(Action::read_snapshot)] = {"read snapshot", 7, 7, 0},
	[static_cast<int>(Action::flush_snapshot)] = {"flush snapshot", 4, 6, 0},
	[static_cast<int>(Action::discard_snapshot)] = {"discard snapshot", 2, 2, 0},
	[static_cast<int>(Action::write_durably)] = {"write durably", 3, 6, 0},
	[static_cast<int>(Action::create_snapshot)] = {"create snapshot", 4, 4, 0},
	[static_cast<int>(Action::remove_snapshot)] = {"remove snapshot", 1, 1, 0},
	[static_cast<int>(Action::suspend_snapshot)] = {"suspend and resume snapshot", 2, 2, 0},
	[static_cast<int>(Action::reload_snapshot)] = {"reload snapshot", 2, 2, 0},
	[static_cast<int>(Action::reactivate_snapshot)] = {"reactivate snapshot", 1, 1, 0},
	[static_cast<int>(Action::suspend_origin)] = {"suspend and resume origin", 1, 1, 0},
	[static_cast<int>(Action::reload_origin)] = {"reload origin", 1, 1, 0},
	[static_cast<int>(Action::grow_origin)] = {"grow origin", 1, 1, resizes},
	[static_cast<int>(Action::begin_merge)] = {"begin merge", 3, 3, 0},
	[static_cast<int>(Action::end_merge)] = {"end merge", 3, 3, 0},
	[static_cast<int>(Action::stop_merge)] = {"stop merge", 2, 2, 0},
	[static_cast<int>(Action::resize_cow)] = {"resize COW device", 2, 2, small_cow | resizes},
	[static_cast<int>(Action::break_cow)] = {"break COW device", 2, 2, cow_faults},
	[static_cast<int>(Action::break_disk)] = {"break disk", 2, 2, disk_faults},
	[static_cast<int>(Action::shorten_memory)] = {"shorten memory", 3, 3, short_memory},
	[static_cast<int>(Action::mend)] = {"mend", 1, 1, short_memory | disk_faults},
	[static_cast<int>(Action::let_run)] = {"let run", 24, 24, 0},
	[static_cast<int>(Action::let_settle)] = {"let settle", 3, 3, 0},
	[static_cast<int>(Action::check)] = {"check", 1, 1, 0},
	[static_cast<int>(Action::crash)] = {"crash", 2, 2, 0},
	[static_cast<int>(Action::crash_soon)] = {"crash soon", 10, 10, 0},
	[static_cast<int>(Action::crash_in_commit)] = {"crash in commit", 4, 4, 0},
	[static_cast<int>(Action::message)] = {"message", 3, 3, 0},
	[static_cast<int>(Action::vanish_cow)] = {"COW device vanishes", 1, 1, vanishing_cow},
	[static_cast<int>(Action::vanish_disk)] = {"disk vanishes", 1, 1, vanishing_disk},
	[static_cast<int>(Action::hang_cow)] = {"COW device hangs", 3, 3, hanging | isolation},
	[static_cast<int>(Action::wake_cow)] = {"COW devices wake up", 2, 2, hanging | isolation},
	[static_cast<int>(Action::look_around)] = {"look around", 4, 4, isolation},
	[static_cast<int>(Action::load_badly)] = {"load a bad table", 3, 3, bad_tables},
	[static_cast<int>(Action::hand_over_badly)] = {"hand over in the wrong order", 3, 3,
						       bad_tables},
	[static_cast<int>(Action::kill_changes)] = {"kill changes of tables", 6, 6, kills},
	[static_cast<int>(Action::write_alone)] = {"write alone without memory", 3, 3,
						   short_memory},
	[static_cast<int>(Action::neighbour_acts)] = {"neighbour acts", 16, 16, neighbour},
	[static_cast<int>(Action::write_many)] = {"write many", 3, 3, short_memory},
	[static_cast<int>(Action::write_stream)] = {"write in sequence", 16, 6, streams},
	[static_cast<int>(Action::discard_origin)] = {"discard origin", 4, 2, 0},
	[static_cast<int>(Action::ask_status)] = {"status and table", 4, 4, overlaps | kills},
};

constexpr struct {
	const char *name;
	Trouble bit;
} troubles[] = {
	{"small-cow", small_cow},
	{"short-memory", short_memory},
	{"cow-faults", cow_faults},
	{"disk-faults", disk_faults},
	{"resizes", resizes},
	{"teardown", teardown},
	{"vanishing-cow", vanishing_cow},
	{"vanishing-disk", vanishing_disk},
	{"hanging", hanging},
	{"isolation", isolation},
	{"few-tags", few_tags},
	{"large-blocks", large_blocks},
	{"odd-blocks", odd_blocks},
	{"poor-devices", poor_devices},
	{"strict-flush", strict_flush},
	{"overlaps", overlaps},
	{"bad-tables", bad_tables},
	{"kills", kills},
	{"neighbour", neighbour},
	{"streams", streams},
};

unsigned int trouble_of(Random &random)
{
	unsigned int trouble = teardown | strict_flush;
	for (unsigned int bit : {small_cow, cow_faults, resizes, overlaps})
		trouble |= random.one_in(4) ? bit : 0;
	for (unsigned int bit : {short_memory, disk_faults, hanging, isolation, large_blocks,
				 odd_blocks, poor_devices, bad_tables, kills, neighbour})
		trouble |= random.one_in(8) ? bit : 0;
	for (unsigned int bit : {vanishing_cow, vanishing_disk, few_tags})
		trouble |= random.one_in(16) ? bit : 0;
	if (random.one_in(6))
		trouble |= streams;
	return trouble;
}

} // namespace

const char *to_text(Action action)
{
	return kinds[static_cast<unsigned int>(action)].name;
}

std::string trouble_names(unsigned int trouble)
{
	std::string text;
	for (const auto &[name, bit] : troubles)
		if (trouble & bit)
			text += (text.empty() ? "" : ",") + std::string(name);
	return text;
}

bool parse_trouble(const std::string &text, unsigned int &trouble)
{
	std::istringstream stream(text);
	for (std::string word; std::getline(stream, word, ',');) {
		auto found =
			std::find_if(std::begin(troubles), std::end(troubles),
				     [&word](const auto &entry) { return word == entry.name; });
		if (found == std::end(troubles))
			return false;
		trouble |= found->bit;
	}
	return true;
}

Plan plan_of(uint64_t seed, unsigned int trouble)
{
	Random random(Random::mix(seed + 1));
	Plan plan{.seed = seed, .trouble = trouble_of(random) | trouble};
	/* Most runs are small and quick. */
	if (random.one_in(64))
		plan.size = Size::whole_batches;
	else if (random.one_in(4))
		plan.size = Size::long_lists;
	bool quiet = random.one_in(3);
	std::vector<Action> lots;
	for (unsigned int i = 0; i < action_count; i++) {
		const Kind &kind = kinds[i];
		if (!kind.trouble || kind.trouble & plan.trouble)
			lots.insert(lots.end(), quiet ? kind.quiet : kind.busy,
				    static_cast<Action>(i));
	}
	auto count = static_cast<unsigned int>(20 + random.below(80));
	for (unsigned int n = 0; n < count; n++)
		plan.steps.push_back({lots[random.below(lots.size())], random.next(), n});
	return plan;
}

Plan plan_of(std::span<const uint8_t> bytes)
{
	Plan plan{.size = Size::tiny};
	if (bytes.size() < 4)
		return plan;
	plan.seed = bytes[0];
	const unsigned int bits = bytes[1] | bytes[2] << 8 | bytes[3] << 16;
	plan.trouble = (bits & all_trouble) | teardown | strict_flush;
	bytes = bytes.subspan(4);
	for (unsigned int n = 0; bytes.size() >= 3; n++, bytes = bytes.subspan(3))
		plan.steps.push_back({static_cast<Action>(bytes[0] % action_count),
				      uint64_t{bytes[1]} << 8 | bytes[2], n});
	return plan;
}

Plan only(const Plan &plan, const std::vector<unsigned int> &numbers)
{
	Plan part = plan;
	part.steps.clear();
	std::copy_if(plan.steps.begin(), plan.steps.end(), std::back_inserter(part.steps),
		     [&](const Step &step) {
			     return std::find(numbers.begin(), numbers.end(), step.number) !=
				    numbers.end();
		     });
	return part;
}

std::string to_text(const std::vector<unsigned int> &numbers)
{
	std::string text;
	for (size_t i = 0; i < numbers.size();) {
		size_t end = i + 1;
		while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1)
			end++;
		text += user::text("%s%u", text.empty() ? "" : ",", numbers[i]);
		if (end - i > 1)
			text += user::text("-%u", numbers[end - 1]);
		i = end;
	}
	return text;
}

bool parse(const std::string &text, std::vector<unsigned int> &numbers)
{
	constexpr unsigned int most = 1'000'000;
	const char *at = text.data(), *end = at + text.size();
	for (;;) {
		unsigned int first, last;
		auto got = std::from_chars(at, end, first);
		if (got.ec != std::errc{})
			return false;
		last = first;
		if (got.ptr != end && *got.ptr == '-') {
			got = std::from_chars(got.ptr + 1, end, last);
			if (got.ec != std::errc{})
				return false;
		}
		if (last < first || last > most)
			return false;
		for (; first <= last; first++)
			numbers.push_back(first);
		if (got.ptr == end)
			return true;
		if (*got.ptr != ',')
			return false;
		at = got.ptr + 1;
	}
}

} // namespace dmsnap::sim
