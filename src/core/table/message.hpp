// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages to a snapshot, as `dmsetup message DEVICE 0 WORD...` sends them:
 *
 *   stats [reset]           what it has done, as text; reset: begin to count anew
 *   commit                  make all it has durable, and say how much that is
 *   merge pause|resume      of snapshot-merge: hold the merge up, go on
 *   merge rate KIB          of snapshot-merge: KiB/s at most; 0: no limit
 *   stall on|off            wait for a larger COW device when there is no room
 *   low_water PERCENT       raise an event when so much is in use; 0: do not
 *   in_flight CHUNKS        as the parameter snapshot_cow_threshold, for one; 0: as that
 *   copy_ahead on|off|KIB   how much is copied ahead of a stream of origin writes
 *   commit_delay MS         how long a write of its user may go unrecorded
 *
 * Only text, as table_line.hpp.
 */
#pragma once

#include <cstdint>
#include <expected>

namespace dmsnap {

struct Message {
	enum class Kind : uint8_t {
		stats,
		stats_reset,
		commit,
		merge_pause,
		merge_resume,
		merge_rate,
		stall_on,
		stall_off,
		low_water,
		in_flight,
		copy_ahead,
		commit_delay,
	};

	Kind kind;
	/* Of those that have a number, in its limits. */
	uint32_t value = 0;
};

constexpr uint32_t merge_rate_max = UINT32_MAX;
constexpr uint32_t low_water_max = 100;
constexpr uint32_t in_flight_max = UINT32_MAX;
/* "on", and the most. */
constexpr uint32_t copy_ahead_on_kib = 1024;
constexpr uint32_t copy_ahead_min_kib = 16;
constexpr uint32_t copy_ahead_max_kib = 2048;
constexpr uint32_t commit_delay_max_ms = 60000;

/*
 * Words are in lower case, numbers digits and nothing else.  On failure a static
 * string for the log, in the words of this: "message NAME: ...".
 */
std::expected<Message, const char *> parse_message(unsigned int argc, const char *const *argv);

} // namespace dmsnap
