// SPDX-License-Identifier: GPL-2.0-only
/*
 * OriginBase: what an origin and its snapshots share: the lock, the worker, the copier, the
 * operations that are under way, and the bios that wait for one of them.  What looks at all
 * snapshots together is the Origin's, which derives from it.
 *
 * A bio that waits is examined again by what it belongs to (Io::writes): so nothing here
 * knows who examines it, or how.
 *
 * Locking: lock() is a spinlock; the snapshots' lists and trees are under it too.
 */
#pragma once

#include "base/guard.hpp"
#include "base/own.hpp"
#include "base/worker.hpp"
#include "copier/copier.hpp"
#include "io/copied_map.hpp"
#include "io/held_writes.hpp"
#include "io/io.hpp"
#include "io/streams.hpp"
#include "snapshot/operation.hpp"

namespace dmsnap {

class Snapshot;

class OriginBase {
public:
	OriginBase(const OriginBase &) = delete;
	OriginBase &operator=(const OriginBase &) = delete;

	SpinLock &lock() { return lock_; }
	Worker &worker() { return *worker_; }
	Copier &copier() { return *copier_; }
	const Streams &streams() const { return streams_; }
	/* What copies ahead have cost, those included that are being begun.  lock. */
	Streams::Count ahead_spent() const;

	/* Writes to the origin. */
	HeldWrites &writes() { return own_writes_; }
	/*
	 * Puts the write at the end of @writes; examined again when something has ended, and
	 * now and then: what has the memory may hang, while there is some again.  lock.
	 */
	void hold(HeldWrites &writes, Io &io);
	bool any_held() const { return own_writes_.any_held(); }
	/* Something has ended that held writes may wait for, here and of the snapshots.  lock. */
	void release_held();
	/* Has them examined again soon, by what they are writes of.  lock. */
	void look_again(Io &io);
	void look_again(Ios &ios);
	/*
	 * Between the two nobody is woken: what one task makes due is examined together.
	 * Bounded, without a sleep.  lock.
	 */
	void begin_gathering() { gathering_++; }
	void end_gathering();
	/* A target over the origin is to be suspended: see Origin::begin_suspend().  lock. */
	bool suspending() const { return suspending_ > 0; }

	/* A snapshot has begun to watch the origin.  Under the Registry's mutex. */
	void snapshot_watches() { copied_map_.forget(); }

	/* The lock is held for these. */
	PendingRun *new_run(Snapshot &snapshot, Operation &operation, const Run &run);
	SnapshotWrite *new_snapshot_write(Snapshot &snapshot, SnapshotIo &io);
	/* Nobody else has seen them. */
	void forget(PendingRun &run);
	void forget(SnapshotWrite *write) { free_operation(*write); }
	bool any_operation() const { return operations_ > 0; }
	/* Is there one that will end, but for @own, which may be without a run yet? */
	bool any_other_operation(const CopyOut &own) const
	{
		return operations_ > 1 || !own.runs.empty();
	}

	/* One thing less that keeps @operation; ends it when it was the last.  lock. */
	void part_finished(Operation &operation);
	/* Has @io examined again when @run has ended, or its operation.  lock. */
	static void wait_for(PendingRun &run, Io &io);
	/* Looks at all that wait for it or its run, and at held writes: the data is there.  lock. */
	void wake(SnapshotWrite &write);
	/* @copy_out takes no more.  lock. */
	void close(CopyOut &copy_out);

protected:
	/*
	 * @writes: those to the origin.  @idle_task: posted when there has been no operation
	 * for a while, to give back what is kept; see trim().
	 */
	OriginBase(Owned<Worker> worker, HeldWrites &writes, Task &idle_task);
	~OriginBase() = default;

	/* May sleep. */
	Status allocate();
	/* They post no task any more.  Nothing may be under way.  Process context, sleeps. */
	void stop_timers();
	/* Gives back what is kept for operations to come.  lock. */
	void trim();

	/* Of nothing yet; nullptr: no memory. */
	CopyOut *new_copy_out(uint64_t begin);
	void free_operation(Operation &operation);
	bool any_holder() const { return !holders_.empty(); }

	SpinLock lock_{DMSNAP_LOCK_ORIGIN};
	Owned<Worker> worker_;
	Owned<Copier> copier_;
	CopiedMap copied_map_;
	Streams streams_;
	/* Sectors of a guess that are begun, and that streams_ does not know of yet. */
	uint64_t ahead_begun_ = 0;
	/* Targets that are to be suspended. */
	unsigned int suspending_ = 0;
	/* The last copy-out made, while it has not begun. */
	CopyOut *open_ = nullptr;

private:
	void look_for_memory();

	/* As often held writes look for memory. */
	static constexpr unsigned int memory_check_ms = 100;

	Pool<PendingRun> runs_;
	Pool<CopyOut> copy_outs_;
	Pool<SnapshotWrite> snapshot_writes_;
	/* In existence. */
	size_t operations_ = 0;

	HeldWrites &own_writes_;
	/* That hold something. */
	List<HeldWrites, &HeldWrites::holder_link> holders_;
	/* That have something due, and were not told yet. */
	List<HeldWrites, &HeldWrites::due_link> due_;
	unsigned int gathering_ = 0;
	MethodTask<OriginBase, &OriginBase::look_for_memory> memory_task_{*this};
	Timer memory_timer_{*worker_, memory_task_};
	Timer idle_timer_;
};

} // namespace dmsnap
