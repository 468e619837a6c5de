// SPDX-License-Identifier: GPL-2.0-only
/*
 * Origin: what all targets over one origin device share: its snapshots, the
 * worker and the copier that serve them, and the rule by which a write to the
 * origin is let through.
 *
 * The rule: a write goes to the origin only from examine(), and only when every
 * snapshot that watches its sectors calls all of them safe.  Otherwise it is
 * held, something is started or waited for, and it is examined again.  So
 * whatever happened meanwhile (a snapshot failed, another write came first,
 * memory ran out) needs no case of its own.
 *
 * Life of a copy-out, and what a crash after each step leaves:
 *
 *   1. chunks allocated, pending runs made       nothing on disk
 *   2. origin read once, written to each COW     chunks nobody refers to
 *      device
 *   3. each store records its run (PREFLUSH,     the snapshot has the chunk, the
 *      entry with FUA)                           origin still has the same data
 *   4. run visible; reads of the snapshot that   the same
 *      went to the origin before have ended
 *   5. run settled; when all are, the write is   the write is to the origin; all
 *      examined again, found safe, and goes      snapshots had the old data before
 *
 * A copy ahead of a stream of writes (streams.hpp) is a copy-out that no write waits for
 * when it begins.  Its life is the same, and so is what a crash leaves.  A write that comes
 * meanwhile finds its chunk pending, as it would find that of another write, and is held;
 * one that comes later finds it safe.  A copy ahead that fails is given up: chunks of the
 * COW device are lost until the store is loaded again, and the next write to the origin
 * finds its chunk missing.  So the rule above needs to know nothing of copies ahead.
 *
 * Copies ahead begin only where nothing else waits, and never from a reserve of space; so
 * nothing has to be taken back on a suspend, a handover or a removal: what was begun is in
 * flight, and no more is begun.
 *
 * Without anything to copy a write takes no lock: under RCU each snapshot's
 * table is asked, and the write is cut where the answer changes.  What all of them
 * have called safe is remembered (copied_map.hpp).  A snapshot whose store changes
 * hands is asked under the lock alone (handover/handover.cpp).
 *
 * Locking: lock() is a spinlock; the snapshots' lists and trees are under it
 * too.  Which snapshots there are changes only under the Registry's mutex.
 */
#pragma once

#include <dmsnap/core.h>

#include "base/atomic.hpp"
#include "base/guard.hpp"
#include "base/own.hpp"
#include "base/worker.hpp"
#include "copier/copier.hpp"
#include "io/held_writes.hpp"
#include "io/io.hpp"
#include "origin/copied_map.hpp"
#include "origin/operation.hpp"
#include "origin/snapshot_set.hpp"
#include "origin/streams.hpp"

namespace dmsnap {

class Snapshot;

class Origin {
public:
	/* A copy-out is made for so much at most, unless a chunk is larger: 1 MiB. */
	static constexpr uint64_t copy_sectors_max = 2048;

	/* May sleep.  @id: dmsnap_port_device_id() of the origin device. */
	static Result<Owned<Origin>> create(uint64_t id, const char *name);
	/* Private to create(). */
	Origin(uint64_t id, Owned<Worker> worker);
	/* No snapshot, no bio may be left.  Process context, sleeps. */
	~Origin();

	uint64_t id() const { return id_; }
	SpinLock &lock() { return lock_; }
	Worker &worker() { return *worker_; }
	/* Submits discards: the block layer holds those back beside other I/O. */
	Worker &discard_worker() { return *discard_worker_; }
	Copier &copier() { return *copier_; }
	const Streams &streams() const { return streams_; }
	/* What copies ahead have cost, those included that are being begun.  lock. */
	Streams::Count ahead_spent() const;
	/* How long writes were held that were.  Worker. */
	Histogram &held_us() { return held_us_; }
	/* Changed only under the Registry's mutex. */
	SnapshotSet &snapshots() { return snapshots_; }

	/* A write for the origin, remapped already.  Context: process. */
	dmsnap_map write(Io &io);
	/* A write that is not being mapped; passes it, perhaps at once.  Worker. */
	void claim(Io &io) { retry(io); }

	/* Is [@sector, until) of no use to any snapshot?  Ends at @end.  Context: any, no lock held. */
	struct Stretch {
		uint64_t until;
		bool safe;
	};
	Stretch discardable(uint64_t sector, uint64_t end);
	/* Sectors that were discarded, and that were left alone.  Worker. */
	struct Discards {
		uint64_t passed = 0;
		uint64_t left = 0;
	};
	Discards &discards() { return discards_; }

	/*
	 * Puts the write at the end of @writes; examined again when something has ended, and
	 * now and then: what has the memory may hang, while there is some again.  lock.
	 */
	void hold(HeldWrites &writes, Io &io);
	/* Writes to the origin. */
	HeldWrites &writes() { return writes_; }
	bool any_held() const { return writes_.any_held(); }
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

	/*
	 * A target over the origin is to be suspended, and its writes have to end: none
	 * waits for a larger COW device.  Or it is not any more.  Context: process.
	 */
	void let_go(bool now);
	/* lock. */
	bool letting_go() const { return letting_go_ > 0; }

	/* A snapshot has begun to watch the origin.  Under the Registry's mutex. */
	void snapshot_watches() { copied_map_.forget(); }
	/* One has left the origin.  Under the Registry's mutex.  Sleeps. */
	void snapshot_left();
	/* Pages that remember what was copied.  Context: any. */
	size_t map_pages() const { return copied_map_.pages(); }

	/* The origin's lock is held for these. */
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

private:
	struct Survey;

	Held examine(Io &io, bool may_cut);
	Survey survey(uint64_t sector, uint64_t end);
	Held copy_out(Io &io, uint64_t begin, const Survey &survey, bool may_cut);
	uint64_t copy_extent(uint64_t begin, uint64_t end, const Survey &first);
	CopyOut *copy_out_for(uint64_t begin);
	/* Of nothing yet; nullptr: no memory. */
	CopyOut *new_copy_out(uint64_t begin);
	/* In all snapshots that lack something of it. */
	void begin_copies(CopyOut &copy_out, uint64_t begin, uint64_t end);
	Snapshot *busy_snapshot(uint64_t begin, bool newcomer);
	Held retry(Io &io);
	void free_operation(Operation &operation);
	void idle();
	void look_for_memory();

	/* Copies ahead: origin/copy_ahead.cpp. */
	/* @io needs @copy_out.  lock. */
	void look_for_stream(const Io &io, CopyOut &copy_out);
	/* A write of [@begin, @end) needs no copy.  Context: any. */
	void follow_stream(uint64_t begin, uint64_t end);
	void copy_ahead();
	uint64_t ahead_window(uint64_t sector);
	uint64_t ahead_room(uint64_t begin);
	uint64_t begin_copy_ahead(uint64_t begin, uint64_t end, const Survey &first);

	/* As often held writes look for memory. */
	static constexpr unsigned int memory_check_ms = 100;

	uint64_t id_;
	SpinLock lock_{DMSNAP_LOCK_ORIGIN};
	Owned<Worker> worker_;
	Owned<Worker> discard_worker_;
	Owned<Copier> copier_;
	SnapshotSet snapshots_;
	CopiedMap copied_map_;
	Streams streams_;
	/* Sectors of a guess that are begun, and that streams_ does not know of yet. */
	uint64_t ahead_begun_ = 0;

	Pool<PendingRun> runs_;
	Pool<CopyOut> copy_outs_;
	Pool<SnapshotWrite> snapshot_writes_;
	/* In existence. */
	size_t operations_ = 0;

	/* Worker. */
	Discards discards_;
	/* Targets that are to be suspended. */
	unsigned int letting_go_ = 0;
	/* Worker. */
	Histogram held_us_;
	MethodHeldWrites<Origin, &Origin::retry> writes_{*this, lock_, *worker_};
	/* That hold something. */
	List<HeldWrites, &HeldWrites::holder_link> holders_;
	/* That have something due, and were not told yet. */
	List<HeldWrites, &HeldWrites::due_link> due_;
	unsigned int gathering_ = 0;
	/* The last copy-out made, while it has not begun. */
	CopyOut *open_ = nullptr;
	MethodTask<Origin, &Origin::look_for_memory> memory_task_{*this};
	Timer memory_timer_{*worker_, memory_task_};
	MethodTask<Origin, &Origin::copy_ahead> ahead_task_{*this};
	MethodTask<Origin, &Origin::idle> idle_task_{*this};
	Timer idle_timer_{*worker_, idle_task_};
};

/*
 * The Registry knows the origin of each device as long as a target refers to it.
 */
class OriginRef {
public:
	OriginRef() = default;
	~OriginRef() { reset(); }
	OriginRef(const OriginRef &) = delete;
	OriginRef &operator=(const OriginRef &) = delete;

	/* The origin over @device, made if it is not there.  May sleep. */
	Status get(dmsnap_device *device);
	void reset();

	Origin *operator->() const { return origin_; }
	Origin &operator*() const { return *origin_; }
	explicit operator bool() const { return origin_ != nullptr; }

private:
	Origin *origin_ = nullptr;
};

} // namespace dmsnap
