// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plan: what one run of the simulator does, as data: a seed for everything that is
 * left to chance in the world, and a list of steps.  A step carries its own chance,
 * so steps can be left out and the others still do what they did.
 */
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace dmsnap::sim {

enum class Action : uint8_t {
	write_origin,
	read_origin,
	flush_origin,
	write_snapshot,
	read_snapshot,
	flush_snapshot,
	discard_snapshot,
	write_durably,
	create_snapshot,
	remove_snapshot,
	suspend_snapshot,
	reload_snapshot,
	reactivate_snapshot,
	suspend_origin,
	reload_origin,
	grow_origin,
	begin_merge,
	end_merge,
	stop_merge,
	resize_cow,
	break_cow,
	break_disk,
	shorten_memory,
	mend,
	let_run,
	let_settle,
	check,
	crash,
	crash_soon,
	crash_in_commit,
	message,
	vanish_cow,
	vanish_disk,
	hang_cow,
	wake_cow,
	look_around,
	load_badly,
	hand_over_badly,
	kill_changes,
	write_alone,
	neighbour_acts,
	write_many,
	write_stream,
	discard_origin,
};
constexpr unsigned int action_count = static_cast<unsigned int>(Action::discard_origin) + 1;
const char *to_text(Action action);

struct Step {
	Action action = Action::check;
	uint64_t seed = 0;
	/* Its place in the plan as it was made. */
	unsigned int number = 0;
};

/* What may go wrong in a run beside the power. */
enum Trouble : unsigned int {
	small_cow = 1u << 0,
	short_memory = 1u << 1,
	cow_faults = 1u << 2,
	disk_faults = 1u << 3,
	resizes = 1u << 4,
	/* A device that is closed with I/O of its opener's in flight is a failure. */
	teardown = 1u << 5,
	/* They are pulled out, and there again after the next power cut. */
	vanishing_cow = 1u << 6,
	vanishing_disk = 1u << 7,
	/* COW devices hang, and come back or not. */
	hanging = 1u << 8,
	/* While one does, nothing waits that does not need it. */
	isolation = 1u << 9,
	/* Devices take some I/Os at a time only, and who submits another sleeps. */
	few_tags = 1u << 10,
	/* Logical blocks of 4 KiB; of more, or an origin that does not end with such a block. */
	large_blocks = 1u << 11,
	odd_blocks = 1u << 12,
	/* Devices that are slow for long I/O, or do without WRITE ZEROES and DISCARD. */
	poor_devices = 1u << 13,
	/* Once an acknowledged write is lost, no flush ends well. */
	strict_flush = 1u << 14,
	/* Messages come while a store changes hands. */
	overlaps = 1u << 15,
	/* Tables are refused, or never resumed, or resumed before they may be. */
	bad_tables = 1u << 16,
	/* Suspends, resumes and removals are killed while they wait. */
	kills = 1u << 17,
	/* There is another origin with a snapshot. */
	neighbour = 1u << 18,
	/* The origin is written in sequence, and copied ahead on large COW devices. */
	streams = 1u << 19,
};
/* Each run has some of them by chance. */
constexpr unsigned int all_trouble = 2 * streams - 1;
/* The names of all, "a,b"; and back: false, there is no such trouble. */
std::string trouble_names(unsigned int trouble);
bool parse_trouble(const std::string &text, unsigned int &trouble);

/* Of the origin. */
enum class Size : uint8_t {
	/* Some chunks, and no snapshot but those that the steps make. */
	tiny,
	small,
	/* So many chunks that a commit can have several sectors, and tear. */
	long_lists,
	/* So many that a merge has whole batches of them. */
	whole_batches,
};

struct Plan {
	uint64_t seed = 0;
	/* enum Trouble. */
	unsigned int trouble = 0;
	Size size = Size::small;
	std::vector<Step> steps{};
};

/* The plan of a seed, with this trouble beside its own. */
Plan plan_of(uint64_t seed, unsigned int trouble = 0);
/* Any bytes are a plan; each step takes three of them. */
Plan plan_of(std::span<const uint8_t> bytes);
/* Only the steps with these numbers. */
Plan only(const Plan &plan, const std::vector<unsigned int> &numbers);

/* "0-3,7": numbers as people write them. */
std::string to_text(const std::vector<unsigned int> &numbers);
/* False: this is no such list. */
bool parse(const std::string &text, std::vector<unsigned int> &numbers);

} // namespace dmsnap::sim
