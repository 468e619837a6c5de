// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages to a snapshot, as `dmsetup message DEVICE 0 WORD...` sends them:
 *
 *   stats [reset]           report statistics as text; reset: clear them
 *   commit                  make everything durable, and report the number of exceptions
 *   merge pause|resume      snapshot-merge: pause or resume the merge
 *   merge rate KIB          snapshot-merge: limit to this many KiB/s; 0: no limit
 *   stall on|off            wait for a full COW device to be extended
 *   low_water PERCENT       raise an event when this much is in use; 0: do not
 *   in_flight CHUNKS        snapshot_cow_threshold for this snapshot; 0: the parameter's
 *   copy_ahead on|off|KIB   how much to copy ahead of a stream of origin writes
 *   commit_delay MS         how long a write of its user may stay unrecorded
 *
 * Only text is parsed here, as in table_line.hpp.
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
	/* For messages that have a number; within its limits. */
	uint32_t value = 0;
};

constexpr uint32_t merge_rate_max = UINT32_MAX;
constexpr uint32_t low_water_max = 100;
constexpr uint32_t in_flight_max = UINT32_MAX;
/* What "on" stands for, and the limits. */
constexpr uint32_t copy_ahead_on_kib = 1024;
constexpr uint32_t copy_ahead_min_kib = 16;
constexpr uint32_t copy_ahead_max_kib = 2048;
constexpr uint32_t commit_delay_max_ms = 60000;

/*
 * Words are in lower case, and numbers consist of digits only.  On failure it returns a static
 * string that completes the log line "message NAME: ...".
 */
std::expected<Message, const char *> parse_message(unsigned int argc, const char *const *argv);

} // namespace dmsnap
