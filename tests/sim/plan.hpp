// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plan: what one run of the simulator does, as data.  It has a seed for everything that is
 * random in the world, and a list of steps.  Each step has its own seed, so it does the same
 * when other steps are left out.
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
	ask_status,
};
constexpr unsigned int action_count = static_cast<unsigned int>(Action::ask_status) + 1;
const char *to_text(Action action);

struct Step {
	Action action = Action::check;
	uint64_t seed = 0;
	/* Its position in the original plan. */
	unsigned int number = 0;
};

/* What may go wrong in a run besides the power. */
enum Trouble : unsigned int {
	small_cow = 1u << 0,
	short_memory = 1u << 1,
	cow_faults = 1u << 2,
	disk_faults = 1u << 3,
	resizes = 1u << 4,
	/* Closing a device while I/O of its opener is in flight is a failure. */
	teardown = 1u << 5,
	/* Devices are pulled out, and come back after the next power cut. */
	vanishing_cow = 1u << 6,
	vanishing_disk = 1u << 7,
	/* COW devices hang; some come back. */
	hanging = 1u << 8,
	/* Nothing waits for a hung device that it does not need. */
	isolation = 1u << 9,
	/* Devices take few I/Os at a time; submitting one more sleeps. */
	few_tags = 1u << 10,
	/* Logical blocks of 4 KiB; larger blocks, or an origin that ends within a block. */
	large_blocks = 1u << 11,
	odd_blocks = 1u << 12,
	/* Devices that are slow for long I/O, or lack WRITE ZEROES and DISCARD. */
	poor_devices = 1u << 13,
	/* After an acknowledged write was lost, no flush succeeds. */
	strict_flush = 1u << 14,
	/* Messages arrive during a handover, and so do status and table. */
	overlaps = 1u << 15,
	/* Tables are refused, never resumed, or resumed too early. */
	bad_tables = 1u << 16,
	/* Suspends, resumes and removals are killed while they wait. */
	kills = 1u << 17,
	/* There is another origin with a snapshot. */
	neighbour = 1u << 18,
	/* Sequential origin writes; chunks are copied ahead on large COW devices. */
	streams = 1u << 19,
};
/* Each run has a random selection of them. */
constexpr unsigned int all_trouble = 2 * streams - 1;
/* The names as "a,b", and the reverse, which returns false for an unknown name. */
std::string trouble_names(unsigned int trouble);
bool parse_trouble(const std::string &text, unsigned int &trouble);

/* Size of the origin. */
enum class Size : uint8_t {
	/* A few chunks, and no snapshots but those that the steps make. */
	tiny,
	small,
	/* Enough chunks for a commit of several sectors, which can be torn. */
	long_lists,
	/* Enough chunks for a merge with whole batches. */
	whole_batches,
};

struct Plan {
	uint64_t seed = 0;
	/* Bits of enum Trouble. */
	unsigned int trouble = 0;
	Size size = Size::small;
	std::vector<Step> steps{};
};

/* The plan of a seed; @trouble is added to its own. */
Plan plan_of(uint64_t seed, unsigned int trouble = 0);
/* Any bytes make a plan: the seed, three bytes of trouble, and three bytes for each step. */
Plan plan_of(std::span<const uint8_t> bytes);
/* Only the steps with these numbers. */
Plan only(const Plan &plan, const std::vector<unsigned int> &numbers);

/* Numbers as "0-3,7". */
std::string to_text(const std::vector<unsigned int> &numbers);
/* Returns false if @text is not such a list. */
bool parse(const std::string &text, std::vector<unsigned int> &numbers);

} // namespace dmsnap::sim
