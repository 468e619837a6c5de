// SPDX-License-Identifier: GPL-2.0-only
/*
 * ReaderEpoch: lets an origin write wait for the snapshot's reads that were sent
 * to the origin before the exception became visible.
 *
 * A read enters, then looks the chunk up, and leaves when it ends (or finds that
 * it need not go to the origin).  A write makes the exception visible, then
 * waits until everybody who may not have seen it has left.
 *
 * Two counters; the readers of now enter the current one.  To wait: drain the
 * other one (stragglers that read current_ before it changed last), change
 * current_, drain the one that was current.  Who enters after that looks up
 * after that, and sees the exception.
 *
 * Ordering: enter() counts, then looks up; the waiter makes visible, then reads
 * the counters; a full barrier stands between the two on each side.  So either
 * the waiter sees the count, or the reader sees the exception.  In the same way
 * leave() counts, then looks whether anybody waits; the waiter says that it
 * waits, then reads the counters.
 *
 * Locking: its own, for the list of who waits.  Readers take it only while
 * somebody waits.
 */
#pragma once

#include <cstdint>

#include "base/atomic.hpp"
#include "base/guard.hpp"
#include "base/list.hpp"
#include "base/worker.hpp"

namespace dmsnap {

class ReaderEpoch {
public:
	/* To be given back to leave(). */
	using Token = uint8_t;

	/* Waits through its task, which is posted once when the wait is over. */
	struct Waiter {
		explicit Waiter(Task &task) : over(task) {}

		Task &over;
		ListHook link;
	};

	explicit ReaderEpoch(Worker &worker) : worker_(worker) {}

	/* Context: any. */
	Token enter()
	{
		Token token = current_.load_relaxed();
		readers_[token].add(1);
		return token;
	}

	/* Context: any. */
	void leave(Token token)
	{
		if (readers_[token].sub(1) == 0 && waiting_.load_seq_cst())
			advance();
	}

	/*
	 * True: nobody has to be waited for.  False: @waiter's task will be posted.
	 * The exception must be visible by now.
	 * Context: any.
	 */
	bool wait(Waiter &waiter);

private:
	using Waiters = List<Waiter, &Waiter::link>;

	bool idle() const
	{
		return readers_[0].load_seq_cst() == 0 && readers_[1].load_seq_cst() == 0;
	}
	void advance();
	void begin() DMSNAP_MUST_HOLD(lock_);
	void advance_locked() DMSNAP_MUST_HOLD(lock_);

	Worker &worker_;
	Atomic<uint32_t> readers_[2];
	Atomic<uint8_t> current_;
	/* Is a drain under way? */
	Atomic<bool> waiting_;

	SpinLock lock_{DMSNAP_LOCK_EPOCH};
	/* The drain under way is for these; these came later and need the next. */
	Waiters draining_ DMSNAP_GUARDED_BY(lock_);
	Waiters next_ DMSNAP_GUARDED_BY(lock_);
	/* Has current_ been changed in the drain under way? */
	bool changed_ DMSNAP_GUARDED_BY(lock_) = false;
};

} // namespace dmsnap
