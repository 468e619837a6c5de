// SPDX-License-Identifier: GPL-2.0-only
/*
 * CommitQueue: group commit.  Runs whose data is on the COW device gather here
 * while the store writes; the next write carries all of them.
 *
 * A run may be lazy: it is visible in the snapshot already, but nothing has asked for it to
 * survive a crash yet.  Lazy runs join the next commit, whatever asked for that one.  A timer
 * starts a commit if nothing else does.
 *
 * Locking: the origin's lock guards the lists; the worker owns the batch.
 */
#pragma once

#include "base/atomic.hpp"
#include "base/guard.hpp"
#include "base/worker.hpp"
#include "snapshot/commit_waiter.hpp"
#include "store/exception_store.hpp"

namespace dmsnap {

class Snapshot;
struct PendingRun;

class CommitQueue {
public:
	/* How long a run may stay lazy, unless a message sets another delay. */
	static constexpr unsigned int lazy_ms = 1000;

	CommitQueue(Snapshot &snapshot, OriginLock &lock, Worker &worker);

	/* Asks for a commit of @run.  Context: any. */
	void add(PendingRun &run) DMSNAP_MUST_HOLD(origin_lock);
	/* Adds @run as a lazy run; it must be visible.  Context: any. */
	void add_lazy(PendingRun &run) DMSNAP_MUST_HOLD(origin_lock);
	/* Commits the lazy runs now.  Context: any. */
	void hurry() DMSNAP_MUST_HOLD(origin_lock) { worker_.post_late(task_); }
	/*
	 * Sets the delay for lazy runs.  It never lengthens the wait of those already queued.
	 */
	void set_delay(unsigned int milliseconds) DMSNAP_MUST_HOLD(origin_lock);
	unsigned int delay_ms() const DMSNAP_MUST_HOLD(origin_lock) { return delay_ms_; }
	/* Calls @waiter when everything added so far is durable.  Context: any. */
	void wait(CommitWaiter &waiter) DMSNAP_MUST_HOLD(origin_lock);

	/*
	 * Are there visible runs that are not durable?  If so, a bio that needs durable data must
	 * wait().  Context: any; no lock.
	 */
	bool undurable() const { return undurable_.load_acquire() != 0; }
	/*
	 * A run becomes visible before it is durable.  Called before lookups can find it.
	 * Context: any.
	 */
	void visible_early() { undurable_.add(1); }
	/* Such a run is durable now, or lost.  Context: worker. */
	void settled_early() { undurable_.sub(1); }

	/* The queue must be empty.  Context: process, sleeps; not on the worker. */
	void stop();

private:
	using Entries = List<CommitEntry, &CommitEntry::link>;
	using Waiters = List<CommitWaiter, &CommitWaiter::link>;

	void start();
	static void batch_ended(CommitBatch &batch);
	/* Was the COW device flushed for the batch? */
	enum class CowFlush : bool { none, done };
	void end(CowFlush flush);

	Snapshot &snapshot_;
	OriginLock &lock_;
	Worker &worker_;

	unsigned int delay_ms_ DMSNAP_GUARDED_BY(origin_lock) = lazy_ms;
	Entries ready_ DMSNAP_GUARDED_BY(origin_lock);
	Entries lazy_ DMSNAP_GUARDED_BY(origin_lock);
	Waiters waiters_ DMSNAP_GUARDED_BY(origin_lock);
	bool committing_ DMSNAP_GUARDED_BY(origin_lock) = false;
	/* Something asked for a commit while one was running: start another when it ends. */
	bool again_ DMSNAP_GUARDED_BY(origin_lock) = false;
	Atomic<uint32_t> undurable_;

	struct Batch : CommitBatch {
		explicit Batch(CommitQueue &of) : CommitBatch(&batch_ended), queue(of) {}
		CommitQueue &queue;
	} batch_{*this};
	/* When the batch started; worker. */
	uint64_t begun_ns_ = 0;
	/* Waiters that arrived before the batch started. */
	Waiters batch_waiters_;

	MethodTask<CommitQueue, &CommitQueue::start> task_{*this};
	Timer timer_{worker_, task_};
};

} // namespace dmsnap
