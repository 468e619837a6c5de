// SPDX-License-Identifier: GPL-2.0-only
/*
 * Throttle: limits the share of time in which copies are in flight (module parameter
 * snapshot_copy_throttle).
 *
 * Locking: none; one worker uses it.  Times are of dmsnap_port_now_ns().
 */
#pragma once

#include <cstdint>

namespace dmsnap {

class Throttle {
public:
	/* The first copy went into flight, or the last one ended. */
	void begin(uint64_t now);
	void end(uint64_t now);

	/*
	 * Returns 0 if new work may start.  Otherwise the milliseconds to delay it, at most
	 * delay_max, so that the share stays at or below @percent, which is < 100.
	 */
	unsigned int delay_ms(uint64_t now, unsigned int percent);

	static constexpr unsigned int delay_max = 1000;

private:
	uint64_t busy_in_period(uint64_t now) const;

	uint64_t period_begin_ = 0;
	uint64_t busy_ns_ = 0;
	uint64_t busy_since_ = 0;
	bool busy_ = false;
};

} // namespace dmsnap
