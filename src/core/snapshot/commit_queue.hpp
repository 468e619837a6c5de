// SPDX-License-Identifier: GPL-2.0-only
/*
 * CommitQueue: group commit.  Runs whose data is on the COW device gather here
 * while the store writes; the next write carries all of them.
 *
 * A run may be lazy: the snapshot has it already, but nobody has asked yet that
 * it survive a crash.  Lazy runs go along with the next commit, whoever wants
 * it, and at the latest with the one that a timer starts.
 *
 * Locking: the origin's lock, for the lists; the batch belongs to the worker.
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
	/* As long as a lazy run may stay so, unless a message says otherwise. */
	static constexpr unsigned int lazy_ms = 1000;

	CommitQueue(Snapshot &snapshot, SpinLock &lock, Worker &worker);

	/* A commit is wanted for @run.  Context: any; lock. */
	void add(PendingRun &run);
	/* The same, but not now; the run is visible.  Context: any; lock. */
	void add_lazy(PendingRun &run);
	/* The lazy runs are wanted now.  Context: any; lock. */
	void hurry() { worker_.post_late(task_); }
	/* Of lazy runs; those that wait already wait no longer than before.  lock. */
	void set_delay(unsigned int milliseconds);
	unsigned int delay_ms() const { return delay_ms_; }
	/* @waiter is told when all that was added is durable.  Context: any; lock. */
	void wait(CommitWaiter &waiter);

	/*
	 * Visible runs that are not durable.  A bio that wants its data durable
	 * must wait() unless there are none.  Context: any; no lock.
	 */
	bool undurable() const { return undurable_.load_acquire() != 0; }
	/* A run became visible before it is durable.  Before it can be found.  Context: any. */
	void visible_early() { undurable_.add(1); }
	/* It is durable now, or lost.  Context: worker. */
	void settled_early() { undurable_.sub(1); }

	/* Nothing may be in it.  Context: process, sleeps; not on the worker. */
	void stop();

private:
	using Entries = List<CommitEntry, &CommitEntry::link>;
	using Waiters = List<CommitWaiter, &CommitWaiter::link>;

	void start();
	static void batch_ended(CommitBatch &batch);
	void end(bool flushed);

	Snapshot &snapshot_;
	SpinLock &lock_;
	Worker &worker_;

	unsigned int delay_ms_ = lazy_ms;
	Entries ready_;
	Entries lazy_;
	Waiters waiters_;
	bool committing_ = false;
	/* Somebody, or the timer, wanted a commit meanwhile: another one has to follow. */
	bool again_ = false;
	Atomic<uint32_t> undurable_;

	struct Batch : CommitBatch {
		explicit Batch(CommitQueue &of) : CommitBatch(&batch_ended), queue(of) {}
		CommitQueue &queue;
	} batch_{*this};
	/* When the batch was started; worker. */
	uint64_t begun_ns_ = 0;
	/* Those who came before the batch was started. */
	Waiters batch_waiters_;

	MethodTask<CommitQueue, &CommitQueue::start> task_{*this};
	Timer timer_{worker_, task_};
};

} // namespace dmsnap
