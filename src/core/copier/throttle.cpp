// SPDX-License-Identifier: GPL-2.0-only
#include "copier/throttle.hpp"

namespace dmsnap {

namespace {

constexpr uint64_t ns_per_ms = 1000000;
/* After this time the past is scaled down to half of it, so that an idle hour gives no credit. */
constexpr uint64_t period_ns = 1000 * ns_per_ms;

} // namespace

void Throttle::begin(Copy &copy, uint64_t now)
{
	drop_stuck(now);
	if (copies_.empty())
		busy_since_ = now;
	copy.since_ns = now;
	copies_.push_back(copy);
}

void Throttle::end(Copy &copy, uint64_t now)
{
	drop_stuck(now);
	if (copy.link.linked())
		stop_counting(copy, now);
}

void Throttle::stop_counting(Copy &copy, uint64_t now)
{
	copy.link.unlink();
	if (copies_.empty() && now > busy_since_)
		busy_ns_ += now - busy_since_;
}

void Throttle::drop_stuck(uint64_t now)
{
	while (Copy *oldest = copies_.front()) {
		if (now - oldest->since_ns < copy_max_ns)
			return;
		stop_counting(*oldest, oldest->since_ns + copy_max_ns);
	}
}

uint64_t Throttle::busy_in_period(uint64_t now) const
{
	return busy_ns_ + (copies_.empty() ? 0 : now - busy_since_);
}

unsigned int Throttle::delay_ms(uint64_t now, unsigned int percent)
{
	if (percent == 0)
		percent = 1;
	drop_stuck(now);

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
