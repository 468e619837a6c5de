// SPDX-License-Identifier: GPL-2.0-only
#include "snapshot/reader_epoch.hpp"

namespace dmsnap {

bool ReaderEpoch::wait(Waiter &waiter)
{
	full_fence();
	if (idle())
		return true;

	SpinGuard guard(lock_);
	if (waiting_.load_relaxed()) {
		next_.push_back(waiter);
		return false;
	}
	draining_.push_back(waiter);
	begin();
	advance_locked();
	return false;
}

void ReaderEpoch::begin()
{
	changed_ = false;
	waiting_.store_seq_cst(true);
}

void ReaderEpoch::advance()
{
	SpinGuard guard(lock_);
	advance_locked();
}

/* Goes as far as the counters allow; the last reader of each step calls again. */
void ReaderEpoch::advance_locked()
{
	while (waiting_.load_relaxed()) {
		uint8_t current = current_.load_relaxed();
		uint8_t other = current ^ 1;

		/* The one in front of the change, then the one that was current. */
		if (readers_[other].load_seq_cst() != 0)
			return;
		if (!changed_) {
			changed_ = true;
			current_.store_seq_cst(other);
			continue;
		}
		while (Waiter *waiter = draining_.pop_front())
			worker_.post(waiter->over);
		waiting_.store_seq_cst(false);
		if (!next_.empty()) {
			draining_.take_all(next_);
			begin();
		}
	}
}

} // namespace dmsnap
