// SPDX-License-Identifier: GPL-2.0-only
#include "copier/throttle.hpp"

namespace dmsnap {

namespace {

constexpr uint64_t ns_per_ms = 1000000;
/* After this time the past is scaled down to half of it, so that an idle hour gives no credit. */
constexpr uint64_t period_ns = 1000 * ns_per_ms;

} // namespace

void Throttle::begin(uint64_t now)
{
	busy_ = true;
	busy_since_ = now;
}

void Throttle::end(uint64_t now)
{
	busy_ns_ += now - busy_since_;
	busy_ = false;
}

uint64_t Throttle::busy_in_period(uint64_t now) const
{
	return busy_ns_ + (busy_ ? now - busy_since_ : 0);
}

unsigned int Throttle::delay_ms(uint64_t now, unsigned int percent)
{
	if (percent == 0)
		percent = 1;

	uint64_t busy = busy_in_period(now);
	uint64_t total = now - period_begin_;
	if (total > period_ns) {
		/* Scale busy and idle time alike. */
		uint64_t kept = busy < total ? busy * (period_ns / 2 / 1000) / (total / 1000)
					     : period_ns / 2;
		period_begin_ = now - period_ns / 2;
		busy_ns_ = kept;
		busy_since_ = now;
		busy = kept;
		total = period_ns / 2;
	}
	uint64_t wanted_total = busy / percent * 100;
	if (wanted_total <= total)
		return 0;
	uint64_t delay = (wanted_total - total) / ns_per_ms + 1;
	return delay < delay_max ? static_cast<unsigned int>(delay) : delay_max;
}

} // namespace dmsnap
