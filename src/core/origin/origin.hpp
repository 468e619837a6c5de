// SPDX-License-Identifier: GPL-2.0-only
/*
 * Origin: what all targets over one origin device share: its snapshots, the worker and the copier
 * that serve them, and the rule for letting a write to the origin pass.
 *
 * The rule: a write goes to the origin only from examine(), and only when every snapshot that
 * watches its sectors calls all of them safe.  Otherwise it is held while a copy or another event
 * is awaited, and then it is examined again.  So whatever happened meanwhile (a snapshot failed,
 * another write came first, memory ran out) needs no case of its own.
 *
 * Life of a copy-out, and what a crash after each step leaves:
 *
 *   1. chunks allocated, pending runs made       nothing on disk
 *   2. origin read once, written to each COW     chunks nothing refers to
 *      device
 *   3. each store records its run (PREFLUSH,     the snapshot has the chunk, the
 *      entry with FUA)                           origin still has the same data
 *   4. run visible; reads of the snapshot that   the same
 *      went to the origin before have ended
 *   5. run settled; when all are, the range is   the write is to the origin; all
 *      remembered as safe, the write is          snapshots had the old data before
 *      examined again, found safe, and goes
 *
 * A copy ahead of a stream of writes (streams.hpp) is a copy-out that no write waits for when it
 * begins.  Its steps, and what a crash leaves, are the same.  A write that comes meanwhile finds
 * its chunk pending, as with a copy-out for another write, and is held; one that comes later
 * finds it safe.  A failed copy ahead is dropped: its chunks of the COW device are lost until the
 * store is loaded again, and the next write to the origin finds its chunk missing.  So the rule
 * above need not know about copies ahead.
 *
 * Copies ahead begin only when nothing else waits, and never use reserved space.  So a suspend, a
 * handover or a removal has nothing to undo: what has begun is in flight, and no more is begun.
 *
 * A write that needs no copy takes no lock: it looks up each snapshot's table under RCU, and is
 * cut where the answer changes.  What all snapshots have called safe is remembered
 * (copied_map.hpp).  A snapshot whose store is being handed over is consulted only under the lock
 * (target/handover.cpp).
 *
 * Locking: lock() is a spinlock.  It guards the snapshots' lists and trees too.  The set of
 * snapshots changes only under the Registry's mutex.
 */
#pragma once

#include <dmsnap/core.h>

#include "base/atomic.hpp"
#include "base/guard.hpp"
#include "base/own.hpp"
#include "base/worker.hpp"
#include "io/held_writes.hpp"
#include "io/io.hpp"
#include "origin/snapshot_set.hpp"
#include "snapshot/origin_base.hpp"

namespace dmsnap {

class Snapshot;

class Origin final : public OriginBase {
public:
	/* The most that one copy-out covers, unless a chunk is larger: 1 MiB. */
	static constexpr uint64_t copy_sectors_max = 2048;

	/* May sleep.  @id: dmsnap_port_device_id() of the origin device. */
	static Result<Owned<Origin>> create(uint64_t id, const char *name);
	Origin(CreateKey<Origin>, uint64_t id, Owned<Worker> worker);
	/* No snapshot and no bio may be left.  Process context, sleeps. */
	~Origin();

	uint64_t id() const { return id_; }
	/* Submits discards, because the block layer may throttle their submitter. */
	Worker &discard_worker() { return *discard_worker_; }
	/* How long held writes were held.  Worker. */
	Histogram &held_us() { return held_us_; }
	/* Changed only under the Registry's mutex. */
	SnapshotSet &snapshots() { return snapshots_; }

	/* Maps a write to the origin, which has been remapped already.  Context: process. */
	dmsnap_map write(Io &io);
	/* For a write that dm is not mapping: calls its pass(), perhaps at once.  Worker. */
	void claim(Io &io) { retry(io); }

	/*
	 * May [@sector, until) be discarded, as far as all snapshots go? until is at most @end.
	 * Context: any, no lock held.
	 */
	struct Stretch {
		uint64_t until;
		bool safe;
	};
	Stretch discardable(uint64_t sector, uint64_t end);
	/* Sectors that were discarded, and sectors that were left alone.  Worker. */
	struct Discards {
		uint64_t passed = 0;
		uint64_t left = 0;
	};
	Discards &discards() { return discards_; }

	/*
	 * A suspend of a target over the origin begins, or ends.  All its writes must end
	 * meanwhile, so none may wait for a COW device to be extended.  Context: process.
	 */
	void begin_suspend();
	void end_suspend();

	/* A snapshot has left the origin.  Under the Registry's mutex.  Sleeps. */
	void snapshot_left();
	/* Pages in use by the CopiedMap.  Context: any. */
	size_t map_pages() const { return copied_map_.pages(); }

private:
	struct Survey;

	/* Context: any. */
	bool known_safe(const Io &io);
	WriteOutcome examine(Io &io, Attempt attempt);
	Survey survey(uint64_t sector, uint64_t end) DMSNAP_MUST_HOLD(origin_lock);
	WriteOutcome copy_out(Io &io, uint64_t begin, const Survey &survey, Attempt attempt)
		DMSNAP_MUST_HOLD(origin_lock);
	uint64_t copy_extent(uint64_t begin, uint64_t end, const Survey &first)
		DMSNAP_MUST_HOLD(origin_lock);
	static PendingRun *run_needed(CopyOut &copy_out, uint64_t begin, uint64_t end)
		DMSNAP_MUST_HOLD(origin_lock);
	CopyOut *copy_out_for(uint64_t begin) DMSNAP_MUST_HOLD(origin_lock);
	/*
	 * Begins copies for all snapshots that lack something of the range.  Returns false if one
	 * of them still lacks something that is not on its way.
	 */
	bool begin_copies(CopyOut &copy_out, uint64_t begin, uint64_t end)
		DMSNAP_MUST_HOLD(origin_lock);
	Snapshot *busy_snapshot(uint64_t begin, Attempt attempt) DMSNAP_MUST_HOLD(origin_lock);
	WriteOutcome retry(Io &io);
	void idle();

	/* Copies ahead: origin/copy_ahead.cpp. */
	/* @io needs @copy_out. */
	void look_for_stream(const Io &io, CopyOut &copy_out) DMSNAP_MUST_HOLD(origin_lock);
	/* A write of [@begin, @end) needs no copy.  Context: any. */
	void follow_stream(uint64_t begin, uint64_t end);
	void copy_ahead();
	uint64_t ahead_window(uint64_t sector) DMSNAP_MUST_HOLD(origin_lock);
	uint64_t ahead_room(uint64_t begin) DMSNAP_MUST_HOLD(origin_lock);
	uint64_t begin_copy_ahead(uint64_t begin, uint64_t end, const Survey &first)
		DMSNAP_MUST_HOLD(origin_lock);

	uint64_t id_;
	Owned<Worker> discard_worker_;
	SnapshotSet snapshots_;

	/* Worker. */
	Discards discards_;
	/* Worker. */
	Histogram held_us_;
	MethodHeldWrites<Origin, &Origin::retry> writes_{*this, lock_, *worker_};
	MethodTask<Origin, &Origin::copy_ahead> ahead_task_{*this};
	MethodTask<Origin, &Origin::idle> idle_task_{*this};
};

} // namespace dmsnap
