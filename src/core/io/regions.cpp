// SPDX-License-Identifier: GPL-2.0-only
#include "io/regions.hpp"

namespace dmsnap {

Regions::Range Regions::range_of(uint64_t begin, uint64_t end)
{
	const Range range{region_of(begin), region_of(end - 1) + 1};
	/* The first regions cover all places: see index_of(). */
	return range.behind - range.first < places ? range : Range{0, places};
}

bool Regions::wait(Waiter &waiter, uint64_t begin, uint64_t end)
{
	full_fence();
	const Range range = range_of(begin, end);
	waiter.next_ = range.first;
	waiter.end_ = range.behind;
	skip_idle(waiter);
	if (waiter.next_ == waiter.end_)
		return true;

	SpinGuard guard(lock_);
	Waiters passed;
	enqueue(waiter, passed);
	move_on(passed);
	return false;
}

void Regions::skip_idle(Waiter &waiter)
{
	while (waiter.next_ < waiter.end_ && place_of(waiter.next_).idle())
		waiter.next_++;
}

void Regions::advance(Place &place)
{
	SpinGuard guard(lock_);
	Waiters passed;
	advance_locked(place, passed);
	move_on(passed);
}

/*
 * Waits for the next region of @waiter: with a drain that starts here, or the one after the
 * current one.
 */
void Regions::enqueue(Waiter &waiter, Waiters &passed)
{
	Place &place = place_of(waiter.next_);

	waiters_of(place).push_back(waiter);
	waiter.draining_ = !place.waiting.load_relaxed();
	if (!waiter.draining_)
		return;
	place.changed = false;
	place.waiting.store_seq_cst(true);
	advance_locked(place, passed);
}

/*
 * Advances as far as the counters allow; the last reader of each step calls it again.  Waiters
 * whose drain is over are moved to @passed.
 */
void Regions::advance_locked(Place &place, Waiters &passed)
{
	while (place.waiting.load_relaxed()) {
		const uint8_t current = place.current.load_relaxed();
		const uint8_t other = current ^ 1;

		/*
		 * First drain the other counter, then, after the switch, the one that was
		 * current.
		 */
		if (place.readers[other].load_seq_cst() != 0)
			return;
		if (!place.changed) {
			place.changed = true;
			place.current.store_seq_cst(other);
			continue;
		}
		place.changed = false;
		place.waiting.store_seq_cst(drained(place, passed));
	}
}

/* Returns true if waiters came during the drain, so that another one follows for them. */
bool Regions::drained(Place &place, Waiters &passed)
{
	bool more = false;

	for (Waiter &waiter : waiters_of(place)) {
		if (&place_of(waiter.next_) != &place)
			continue;
		if (waiter.draining_) {
			waiter.link_.unlink();
			passed.push_back(waiter);
		} else {
			waiter.draining_ = true;
			more = true;
		}
	}
	return more;
}

void Regions::move_on(Waiters &passed)
{
	while (Waiter *waiter = passed.pop_front()) {
		waiter->next_++;
		skip_idle(*waiter);
		if (waiter->next_ < waiter->end_)
			enqueue(*waiter, passed);
		else
			worker_.post(waiter->over_);
	}
}

void Regions::add_unsettled(uint64_t begin, uint64_t end)
{
	const Range range = range_of(begin, end);
	for (uint64_t region = range.first; region < range.behind; region++)
		place_of(region).unsettled.add(1);
}

void Regions::drop_unsettled(uint64_t begin, uint64_t end)
{
	const Range range = range_of(begin, end);
	for (uint64_t region = range.first; region < range.behind; region++)
		place_of(region).unsettled.sub(1);
}

bool Regions::settled(uint64_t begin, uint64_t end) const
{
	const Range range = range_of(begin, end);
	for (uint64_t region = range.first; region < range.behind; region++) {
		if (place_of(region).unsettled.load_acquire() != 0)
			return false;
	}
	return true;
}

} // namespace dmsnap
