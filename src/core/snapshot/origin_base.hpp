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

	OriginLock &lock() { return lock_; }
	Worker &worker() { return *worker_; }
	Copier &copier() { return *copier_; }
	const Streams &streams() const { return streams_; }
	/* What copies ahead have cost, including those being started. */
	Streams::Count ahead_spent() const DMSNAP_MUST_HOLD(origin_lock);

	/* Writes to the origin. */
	HeldWrites &writes() { return own_writes_; }
	/*
	 * Appends the write to @writes.  It is examined again when something has ended, and
	 * periodically: whatever uses the memory may hang, while memory becomes free elsewhere.
	 */
	void hold(HeldWrites &writes, Io &io) DMSNAP_MUST_HOLD(origin_lock);
	bool any_held() const DMSNAP_MUST_HOLD(origin_lock) { return own_writes_.any_held(); }
	/*
	 * Something has ended that held writes of the origin or its snapshots may wait for.
	 */
	void release_held() DMSNAP_MUST_HOLD(origin_lock);
	/* Has them examined again soon: see Io::writes. */
	void look_again(Io &io) DMSNAP_MUST_HOLD(origin_lock);
	void look_again(Ios &ios) DMSNAP_MUST_HOLD(origin_lock);
	/*
	 * Between the two no examination is scheduled, so that everything one task makes due is
	 * examined together.  The code between them must be bounded and must not sleep.
	 */
	void begin_gathering() DMSNAP_MUST_HOLD(origin_lock) { gathering_++; }
	void end_gathering() DMSNAP_MUST_HOLD(origin_lock);
	/* A target over the origin is being suspended: see Origin::begin_suspend(). */
	bool suspending() const DMSNAP_MUST_HOLD(origin_lock) { return suspending_ > 0; }

	/* A snapshot now watches the origin.  Under the Registry's mutex. */
	void snapshot_watches() DMSNAP_MUST_HOLD(origin_lock) { copied_map_.forget(); }

	PendingRun *new_run(Snapshot &snapshot, Operation &operation, const Run &run)
		DMSNAP_MUST_HOLD(origin_lock);
	SnapshotWrite *new_snapshot_write(Snapshot &snapshot, SnapshotIo &io)
		DMSNAP_MUST_HOLD(origin_lock);
	/* For objects that nothing else has seen yet. */
	void forget(PendingRun &run) DMSNAP_MUST_HOLD(origin_lock);
	void forget(SnapshotWrite *write) DMSNAP_MUST_HOLD(origin_lock) { free_operation(*write); }
	bool any_operation() const DMSNAP_MUST_HOLD(origin_lock) { return operations_ > 0; }
	/* Is there an operation that will end, not counting an @own that has no run yet? */
	bool any_other_operation(const CopyOut &own) const DMSNAP_MUST_HOLD(origin_lock)
	{
		return operations_ > 1 || !own.runs.empty();
	}

	/* Drops a reference to @operation; the last one ends it. */
	void part_finished(Operation &operation) DMSNAP_MUST_HOLD(origin_lock);
	/*
	 * Has everything examined that waits for the run of @write, and held writes: the data is
	 * there.
	 */
	void wake(SnapshotWrite &write) DMSNAP_MUST_HOLD(origin_lock);
	/* No run may be added to @copy_out any more. */
	void close(CopyOut &copy_out) DMSNAP_MUST_HOLD(origin_lock);
	/* The same for whatever copy-out is open: it may have runs that no write needs now. */
	void close_open() DMSNAP_MUST_HOLD(origin_lock) { open_ = nullptr; }

protected:
	/*
	 * @writes: held writes to the origin.  @idle_task: posted when there has been no
	 * operation for a while, to free what is cached; see trim().
	 */
	OriginBase(Owned<Worker> worker, HeldWrites &writes, Task &idle_task);
	~OriginBase() = default;

	/*
	 * May sleep.
	 * SAFETY: nothing else uses the origin yet.
	 */
	Status allocate() DMSNAP_UNCHECKED;
	/*
	 * After return the timers post no task.  Nothing may be under way.  Process context,
	 * sleeps.
	 */
	void stop_timers();
	/* Frees what is cached for later operations. */
	void trim() DMSNAP_MUST_HOLD(origin_lock);

	/* A copy-out without runs; nullptr: no memory. */
	CopyOut *new_copy_out(uint64_t begin) DMSNAP_MUST_HOLD(origin_lock);
	void free_operation(Operation &operation) DMSNAP_MUST_HOLD(origin_lock);
	bool any_holder() const DMSNAP_MUST_HOLD(origin_lock) { return !holders_.empty(); }

	OriginLock lock_;
	Owned<Worker> worker_;
	Owned<Copier> copier_;
	CopiedMap copied_map_;
	Streams streams_;
	/*
	 * Sectors of a guess whose copies have begun, and that streams_ has not been told about
	 * yet.
	 */
	uint64_t ahead_begun_ DMSNAP_GUARDED_BY(origin_lock) = 0;
	/* Targets being suspended. */
	unsigned int suspending_ DMSNAP_GUARDED_BY(origin_lock) = 0;
	/* The last copy-out made, until it begins. */
	CopyOut *open_ DMSNAP_GUARDED_BY(origin_lock) = nullptr;

private:
	void remember(const CopyOut &copy_out) DMSNAP_MUST_HOLD(origin_lock);
	void look_for_memory();

	/* How often held writes try for memory again. */
	static constexpr unsigned int memory_check_ms = 100;

	Pool<PendingRun> runs_ DMSNAP_GUARDED_BY(origin_lock);
	Pool<CopyOut> copy_outs_ DMSNAP_GUARDED_BY(origin_lock);
	Pool<SnapshotWrite> snapshot_writes_ DMSNAP_GUARDED_BY(origin_lock);
	/* Operations that exist. */
	size_t operations_ DMSNAP_GUARDED_BY(origin_lock) = 0;

	HeldWrites &own_writes_;
	/* Those that hold at least one write. */
	List<HeldWrites, &HeldWrites::holder_link> holders_ DMSNAP_GUARDED_BY(origin_lock);
	/* Those that have due writes, and have not scheduled their examination yet. */
	List<HeldWrites, &HeldWrites::due_link> due_ DMSNAP_GUARDED_BY(origin_lock);
	unsigned int gathering_ DMSNAP_GUARDED_BY(origin_lock) = 0;
	MethodTask<OriginBase, &OriginBase::look_for_memory> memory_task_{*this};
	Timer memory_timer_{*worker_, memory_task_};
	Timer idle_timer_;
};

} // namespace dmsnap
