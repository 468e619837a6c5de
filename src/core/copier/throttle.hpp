// SPDX-License-Identifier: GPL-2.0-only
/*
 * Throttle: limits the share of time in which copies are in flight (module parameter
 * snapshot_copy_throttle).
 *
 * A copy counts for at most copy_max.  One that takes longer is stuck on a device that does not
 * answer, and copies between other devices must not wait for it.
 *
 * Locking: none; one worker uses it.  Times are of dmsnap_port_now_ns().
 */
#pragma once

#include <cstdint>

#include "base/list.hpp"

namespace dmsnap {

class Throttle {
public:
	/* A copy in flight. */
	struct Copy {
		uint64_t since_ns = 0;
		ListHook link;
	};

	static constexpr uint64_t copy_max_ns = 1'000'000'000;

	void begin(Copy &copy, uint64_t now);
	void end(Copy &copy, uint64_t now);

	/*
	 * Returns 0 if new work may start.  Otherwise the milliseconds to delay it, at most
	 * delay_max, so that the share stays at or below @percent, which is < 100.
	 */
	unsigned int delay_ms(uint64_t now, unsigned int percent);

	static constexpr unsigned int delay_max = 1000;

private:
	void stop_counting(Copy &copy, uint64_t now);
	void drop_stuck(uint64_t now);
	uint64_t busy_in_period(uint64_t now) const;

	uint64_t period_begin_ = 0;
	uint64_t busy_ns_ = 0;
	uint64_t busy_since_ = 0;
	/* The copies that count, in the order in which they began. */
	List<Copy, &Copy::link> copies_;
};

} // namespace dmsnap
