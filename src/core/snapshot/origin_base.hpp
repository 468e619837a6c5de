// SPDX-License-Identifier: GPL-2.0-only
/*
 * OriginBase: what an origin and its snapshots share: the lock, the worker, the copier, the
 * operations under way, and the bios that wait for one of them.  Origin derives from it, and adds
 * everything that looks at all snapshots together.
 *
 * Io::writes says what examines a waiting bio again, so nothing here depends on that.
 *
 * Locking: lock() is a spinlock.  It guards the snapshots' lists and trees too.
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
	/* What copies ahead have cost, including those being started.  lock. */
	Streams::Count ahead_spent() const;

	/* Writes to the origin. */
	HeldWrites &writes() { return own_writes_; }
	/*
	 * Appends the write to @writes.  It is examined again when something has ended, and
	 * periodically: whatever uses the memory may hang, while memory becomes free elsewhere.
	 * lock.
	 */
	void hold(HeldWrites &writes, Io &io);
	bool any_held() const { return own_writes_.any_held(); }
	/*
	 * Something has ended that held writes of the origin or its snapshots may wait for.
	 * lock.
	 */
	void release_held();
	/* Has them examined again soon: see Io::writes.  lock. */
	void look_again(Io &io);
	void look_again(Ios &ios);
	/*
	 * Between the two no examination is scheduled, so that everything one task makes due is
	 * examined together.  The code between them must be bounded and must not sleep.  lock.
	 */
	void begin_gathering() { gathering_++; }
	void end_gathering();
	/* A target over the origin is being suspended: see Origin::begin_suspend().  lock. */
	bool suspending() const { return suspending_ > 0; }

	/* A snapshot now watches the origin.  Under the Registry's mutex. */
	void snapshot_watches() { copied_map_.forget(); }

	/* These need the lock. */
	PendingRun *new_run(Snapshot &snapshot, Operation &operation, const Run &run);
	SnapshotWrite *new_snapshot_write(Snapshot &snapshot, SnapshotIo &io);
	/* For objects that nothing else has seen yet. */
	void forget(PendingRun &run);
	void forget(SnapshotWrite *write) { free_operation(*write); }
	bool any_operation() const { return operations_ > 0; }
	/* Is there an operation that will end, not counting an @own that has no run yet? */
	bool any_other_operation(const CopyOut &own) const
	{
		return operations_ > 1 || !own.runs.empty();
	}

	/* Drops a reference to @operation; the last one ends it.  lock. */
	void part_finished(Operation &operation);
	/* Has @io examined again when @run or its operation has ended.  lock. */
	static void wait_for(PendingRun &run, Io &io);
	/*
	 * Has everything examined that waits for @write or its run, and held writes: the data is
	 * there.  lock.
	 */
	void wake(SnapshotWrite &write);
	/* No run may be added to @copy_out any more.  lock. */
	void close(CopyOut &copy_out);

protected:
	/*
	 * @writes: held writes to the origin.  @idle_task: posted when there has been no
	 * operation for a while, to free what is cached; see trim().
	 */
	OriginBase(Owned<Worker> worker, HeldWrites &writes, Task &idle_task);
	~OriginBase() = default;

	/* May sleep. */
	Status allocate();
	/*
	 * After return the timers post no task.  Nothing may be under way.  Process context,
	 * sleeps.
	 */
	void stop_timers();
	/* Frees what is cached for later operations.  lock. */
	void trim();

	/* A copy-out without runs; nullptr: no memory. */
	CopyOut *new_copy_out(uint64_t begin);
	void free_operation(Operation &operation);
	bool any_holder() const { return !holders_.empty(); }

	SpinLock lock_{DMSNAP_LOCK_ORIGIN};
	Owned<Worker> worker_;
	Owned<Copier> copier_;
	CopiedMap copied_map_;
	Streams streams_;
	/*
	 * Sectors of a guess whose copies have begun, and that streams_ has not been told about
	 * yet.
	 */
	uint64_t ahead_begun_ = 0;
	/* Targets being suspended. */
	unsigned int suspending_ = 0;
	/* The last copy-out made, until it begins. */
	CopyOut *open_ = nullptr;

private:
	void look_for_memory();

	/* How often held writes try for memory again. */
	static constexpr unsigned int memory_check_ms = 100;

	Pool<PendingRun> runs_;
	Pool<CopyOut> copy_outs_;
	Pool<SnapshotWrite> snapshot_writes_;
	/* Operations that exist. */
	size_t operations_ = 0;

	HeldWrites &own_writes_;
	/* Those that hold at least one write. */
	List<HeldWrites, &HeldWrites::holder_link> holders_;
	/* Those that have due writes, and have not scheduled their examination yet. */
	List<HeldWrites, &HeldWrites::due_link> due_;
	unsigned int gathering_ = 0;
	MethodTask<OriginBase, &OriginBase::look_for_memory> memory_task_{*this};
	Timer memory_timer_{*worker_, memory_task_};
	Timer idle_timer_;
};

} // namespace dmsnap
