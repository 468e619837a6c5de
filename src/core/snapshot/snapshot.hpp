// SPDX-License-Identifier: GPL-2.0-only
/*
 * Snapshot: one snapshot.  It serves its user's reads and writes, and tells its Origin which
 * chunks it still lacks.  A snapshot that is being merged has no users, so it lacks nothing.  Its
 * target, dm's side, is layered above it (target/snapshot_target.hpp).
 *
 * The origin comes first: whatever goes wrong here makes the snapshot invalid.  It never fails a
 * write to the origin, and never blocks one indefinitely.  How its health is lost is in health.hpp.
 *
 * Everything that its COW device may delay runs on the snapshot's own worker.  Submitting to the
 * device may sleep as well, and only work that needs the device may wait for that.  "Worker" in
 * comments means this worker; the origin's is always called "the origin's worker".
 *
 * Locking: "lock" in comments is the origin's, OriginBase::lock().  It guards the pending runs,
 * the store's allocation, and all changes of the exception table and of the flags.  Reads of the
 * snapshot, and writes to chunks it has, take no lock: they use the table's lockless find_soon()
 * and the atomic flags.
 */
#pragma once

#include <dmsnap/core.h>
#include <dmsnap/port/log.h>
#include <dmsnap/port/trace.h>

#include "base/atomic.hpp"
#include "base/min_max.hpp"
#include "base/own.hpp"
#include "base/text_writer.hpp"
#include "exception/exception_table.hpp"
#include "io/held_writes.hpp"
#include "io/regions.hpp"
#include "snapshot/commit_queue.hpp"
#include "snapshot/copy_state.hpp"
#include "snapshot/events.hpp"
#include "snapshot/health.hpp"
#include "snapshot/origin_base.hpp"
#include "snapshot/pending_run.hpp"
#include "snapshot/snapshot_io.hpp"
#include "snapshot/stall.hpp"
#include "snapshot/statistics.hpp"
#include "snapshot/tunables.hpp"
#include "store/persistent_store.hpp"
#include "store/transient_store.hpp"
#include "store/unusable_store.hpp"
#include "table/table_line.hpp"

namespace dmsnap {

class Snapshot {
public:
	enum class Failure : uint8_t { io, no_space, no_memory };

	/* From its target, which has the devices open. */
	struct Args {
		dmsnap_target *target;
		dmsnap_device *origin_device;
		dmsnap_device *cow_device;
		const Features &features;
		const StoreArgs &store;
		/* It has users that read and write it, so it is not being merged. */
		bool seen;
	};

	/* Creates a snapshot that has no store yet.  May sleep. */
	static Result<Owned<Snapshot>> create(OriginBase &origin, const Args &args);
	Snapshot(CreateKey<Snapshot>, OriginBase &origin, const Args &args, Owned<Worker> worker);
	~Snapshot();
	/* Opens its store, which must not be in use elsewhere.  Context: process, may sleep. */
	Status load();

	/* Its user's side: see <dmsnap/core.h>. */
	dmsnap_map map(dmsnap_bio *bio, const dmsnap_bio_desc &desc, void *space);
	int end_io(Io &io);

	/* The origin's side. */

	/*
	 * Must a write at @sector consult this snapshot?  One that is being merged lacks nothing,
	 * but its store must be marked invalid like any other.  No lock.
	 */
	bool watches(uint64_t sector) const
	{
		return active_.load_acquire() && health_.load_acquire() != Health::invalid &&
		       sector < sectors_ && (seen_ || !healthy());
	}
	/*
	 * How far from @sector the origin may be overwritten, as far as can be told without the
	 * lock.  Returns @sector if only a lookup under the lock can tell.
	 */
	uint64_t safe_until(uint64_t sector, uint64_t end) const;
	/* The authoritative answer. begin_copies() need not look up this sector again. */
	CopyState copy_state_at(uint64_t sector, uint64_t end) DMSNAP_MUST_HOLD(origin_lock);
	/* The same for callers that are not about to write. */
	CopyState look_up_copy_state(uint64_t sector, uint64_t end) const
		DMSNAP_MUST_HOLD(origin_lock);
	/*
	 * Is the limit of copies in flight exceeded, or would a first attempt overtake bios that wait
	 * for it?
	 */
	bool busy(Attempt attempt) const DMSNAP_MUST_HOLD(origin_lock)
	{
		return over_threshold() || (attempt == Attempt::first && !copy_waiters_.empty());
	}
	/* Has @io examined again when fewer copies are in flight. */
	void wait_for_copies(Io &io) DMSNAP_MUST_HOLD(origin_lock) { copy_waiters_.push_back(io); }
	/* Was @sector the last one that copy_state_at() looked up, and was it missing? */
	bool lacks(uint64_t sector) const DMSNAP_MUST_HOLD(origin_lock)
	{
		return copy_state_sector_ == sector && copy_state_.kind == CopyState::Kind::missing;
	}
	/*
	 * Begins to copy out chunks in [begin, end) that the snapshot lacks, as runs of
	 * @copy_out.  If there is no room, the snapshot stalls or fails.  If memory is short,
	 * some chunks are left for later.  Returns true if the range is safe now, apart from these
	 * runs.  The answer that copy_state_at() has cached for @begin is used: it must have been
	 * looked up under this hold of the lock, or never.
	 */
	bool begin_copies(CopyOut &copy_out, uint64_t begin, uint64_t end)
		DMSNAP_MUST_HOLD(origin_lock);
	/* Sectors to copy ahead of a stream, as configured. */
	uint64_t ahead_window() const DMSNAP_MUST_HOLD(origin_lock);
	/* Sectors of copies ahead that it has room for now. */
	uint64_t ahead_room() const DMSNAP_MUST_HOLD(origin_lock);
	/* Frees what is cached for later runs. */
	void trim() DMSNAP_MUST_HOLD(origin_lock);
	/* An origin write waits for @run. */
	void wanted(const PendingRun &run) DMSNAP_MUST_HOLD(origin_lock);
	/*
	 * Has an origin write examined again when this snapshot is invalid, or its store has
	 * changed hands.  Such writes wait on their own list: writes that other snapshots need
	 * must not wait behind them.
	 */
	void wait_while_unavailable(Io &io) DMSNAP_MUST_HOLD(origin_lock)
	{
		unavailable_waiters_.push_back(io);
	}

	/* Held writes of its user. */
	HeldWrites &writes() { return *writes_; }

	/*
	 * Stages of a run's life.  No lock held.  Worker, or the origin's worker if a read
	 * failed:
	 */
	void copied(PendingRun &run, int error);
	/*
	 * All data of a write to the snapshot is on the COW device, or an I/O failed.  The
	 * origin's worker.
	 */
	void written(PendingRun &run);
	/*
	 * The same for a write of whole chunks, in any context: ends its bio.  Returns false,
	 * having done nothing, if that needs the worker.
	 */
	bool written_whole(PendingRun &run);
	/* Worker: */
	void run_recorded(PendingRun &run, const Status &status);
	/* Reads of the origin took @us microseconds to drain. */
	void run_settled(PendingRun &run, uint64_t us);

	bool overflowed() const { return overflowed_.load_relaxed(); }
	bool healthy() const { return health_.load_acquire() == Health::good; }
	/* Takes the lock. */
	void fail(Failure failure);
	void fail_locked(Failure failure) DMSNAP_MUST_HOLD(origin_lock);
	/* The COW device has shrunk below chunks in use. */
	void cut_off() DMSNAP_MUST_HOLD(origin_lock);

	/* Takes a reference that dm does not know about. */
	void hold() DMSNAP_MUST_HOLD(origin_lock) { users_++; }
	void drop() DMSNAP_MUST_HOLD(origin_lock);
	/* Emits a trace event for a commit or a merge batch.  No lock. */
	void trace_batch(dmsnap_trace_kind kind, uint64_t count, uint64_t us,
			 const Status &status) const;

	/* The lock need not be held, and no lock ranked after it may be. */
	Mapping look_up(OldChunk chunk, uint64_t max) const
	{
		Mapping mapping;
		return table_->find_soon(chunk, max, mapping) ? mapping
							      : look_up_locked(chunk, max);
	}
	/* Looks up the chunks of a bio, from its first one on. */
	Mapping look_up(const Io &io) const
	{
		return look_up(chunk_size_.chunk_of(io.sector), chunks_to(io));
	}
	/* Remaps the bio, whose first chunk is in @chunk of the COW device. */
	void remap_to_cow(Io &io, NewChunk chunk);

	/* nullptr: the store is of another type, or there is none. */
	PersistentStore *persistent() { return persistent_.get(); }
	ExceptionTable &exception_table() { return *table_; }

	ExceptionStore &store() { return *store_; }
	CommitQueue &commits() { return *commits_; }
	Regions &regions() { return *regions_; }
	Stall &stall() { return *stall_; }
	Events &events() { return events_; }
	SnapshotStatistics &statistics() DMSNAP_MUST_HOLD(origin_lock) { return statistics_; }
	bool stalls_on_full() const DMSNAP_MUST_HOLD(origin_lock);
	Tunables &tunables() DMSNAP_MUST_HOLD(origin_lock) { return tunables_; }
	void set_low_water(uint32_t percent) DMSNAP_MUST_HOLD(origin_lock);
	StoreUsage usage() const DMSNAP_MUST_HOLD(origin_lock);
	/* Writes its lines of the answer to "stats".  No lock. */
	void report(TextWriter &text);
	const Features &features() const { return features_; }
	const StoreArgs &store_args() const { return store_args_; }
	OriginBase &origin() const { return origin_; }
	Worker &worker() const { return *worker_; }
	/* The origin's worker. */
	CopyShare &copy_share() { return copy_share_; }
	ChunkSize chunk_size() const { return chunk_size_; }
	/* Length of its device, known from the first resume on. */
	uint64_t sectors() const { return sectors_; }
	/*
	 * The end sector of @run on an origin that is @device_end sectors long now.  The run
	 * overlaps the snapshot, but its last chunk may reach past the end of the origin.  If the
	 * origin is shorter than the snapshot, it has been shrunk or has gone: then the run is
	 * not shortened, and the I/O fails.
	 */
	uint64_t end_on_origin(const Run &run, uint64_t device_end) const
	{
		uint64_t origin_end = larger(device_end, sectors_);
		uint64_t end = chunk_size_.first_sector(run.old_end());
		return smaller(end, origin_end);
	}
	uint64_t cow_id() const { return dmsnap_port_device_id(cow_device_); }

	/* Its target's devices. */
	dmsnap_device *origin_device() const { return origin_device_; }
	dmsnap_device *cow_device() const { return cow_device_; }

	/* Handover (target/handover.cpp). */
	bool active() const { return active_.load_acquire(); }
	/*
	 * Its store is being handed over to another snapshot.  Until end_handover() no copy is
	 * begun for it, and its table is consulted only under the lock.  No lock.
	 */
	bool changes_hands() const { return changes_hands_.load_acquire(); }
	/* A handover of its store begins.  Registry's mutex. */
	void begin_handover();
	/* Sleeps until it is idle, including I/O on its COW device.  No lock. */
	void quiesce_for_handover();
	/* The same.  Returns false if the process was killed first. */
	bool quiesce_for_handover_killable();
	/*
	 * The store has moved, or stays.  Origin writes that waited for the handover continue.
	 * Registry's mutex.
	 */
	void end_handover();
	/* Called on every resume; only the first has an effect.  Registry's mutex. */
	void activate() DMSNAP_MUST_HOLD(origin_lock);
	/* The store that it was to take over has gone.  Registry's mutex. */
	void lose_store();
	/* Takes over the store and state of @source, which is quiet. */
	void take_over(Snapshot &source) DMSNAP_MUST_HOLD(origin_lock);

	/* Removal, in this order.  The first step may be done early. */

	/* Nothing can find it any more, and nothing new is begun.  Sleeps. */
	void leave();
	/*
	 * Sleeps until nothing of it is pending.  Origin writes must not be able to find it, or
	 * must see that it changes hands.
	 */
	void drain();
	/*
	 * The same, and also waits for the store.  Returns false if the process was killed first.
	 * @whose names the owner of the I/O in the log.
	 */
	bool drain_killable(const char *whose);
	/* Stops the rest once nothing is pending.  Sleeps. */
	void stop();

private:
	struct Load;

	Status load_persistent();
	Status make_unusable();
	Status make_table(ChunkSize chunk_size);

	/* Mapping. */
	dmsnap_map map_read(Io &io);
	dmsnap_map map_write(SnapshotIo &io);
	dmsnap_map map_flush(SnapshotIo &io);
	dmsnap_map map_discard(dmsnap_bio *bio, const dmsnap_bio_desc &desc, void *space);
	/* Returns false also if a commit must follow. */
	bool remap_if_mapped(Io &io);
	struct Verdict;
	Verdict judge_write(SnapshotIo &io, Attempt attempt);
	Verdict begin_write(SnapshotIo &io, OldChunk chunk, uint64_t count, Attempt attempt)
		DMSNAP_MUST_HOLD(origin_lock);
	dmsnap_map carry_out(SnapshotIo &io, const Verdict &verdict, Attempt attempt);
	WriteOutcome retry(Io &held);
	void sent_durable(SnapshotIo &io, int error);
	void overflow() DMSNAP_MUST_HOLD(origin_lock);
	uint64_t chunks_to(const Io &io) const;

	/* Runs. */
	uint64_t watched_end(uint64_t end) const { return smaller(end, sectors_); }
	void trace(dmsnap_trace_kind kind, const PendingRun &run, uint64_t us, int error) const;
	struct Pending {
		/* The run that has the chunk, or nullptr. */
		PendingRun *run;
		/* If none has: chunks from this one to the next that is pending. */
		uint64_t free;
	};
	Pending pending_around(OldChunk chunk) const DMSNAP_MUST_HOLD(origin_lock);
	Mapping look_up_locked(OldChunk chunk, uint64_t max) const;
	PendingRun *run_to_extend(CopyOut &copy_out, OldChunk chunk, NewChunk new_chunk) const
		DMSNAP_MUST_HOLD(origin_lock);
	void make_visible(PendingRun &run) DMSNAP_MUST_HOLD(origin_lock);
	void count_written(const PendingRun &run) DMSNAP_MUST_HOLD(origin_lock);
	/*
	 * Calls store().prepare() within the stall's allowance, and checks the low-water mark.
	 */
	Result<NewChunks> take_chunks(uint64_t wanted) DMSNAP_MUST_HOLD(origin_lock);
	uint32_t low_water() const DMSNAP_MUST_HOLD(origin_lock);
	void look_at_low_water() DMSNAP_MUST_HOLD(origin_lock);

	void begin_mark() DMSNAP_MUST_HOLD(origin_lock);
	void mark_invalid();
	static void marked(InvalidMark &mark);
	void marked_invalid(const Status &status);
	void release_waiters() DMSNAP_MUST_HOLD(origin_lock);
	bool over_threshold() const DMSNAP_MUST_HOLD(origin_lock);
	void copies_ended(uint64_t chunks) DMSNAP_MUST_HOLD(origin_lock);
	/* Either worker. */
	void run_lost(PendingRun &run);
	void end_run(PendingRun &run) DMSNAP_MUST_HOLD(origin_lock);

	bool tell_when_unused(Event &event);

	const bool seen_;
	const Features features_;
	StoreArgs store_args_;
	dmsnap_device *const origin_device_;
	dmsnap_device *const cow_device_;
	/* Length of the table; the origin may be longer.  Known from the first resume on. */
	uint64_t sectors_ = 0;
	ChunkSize chunk_size_;

	OriginBase &origin_;
	Owned<Worker> worker_;
	using Writes = MethodHeldWrites<Snapshot, &Snapshot::retry>;
	Owned<Writes> writes_;
	CopyShare copy_share_;
	Owned<ExceptionTable> table_;
	Owned<PersistentStore> persistent_;
	Owned<TransientStore> transient_;
	Owned<UnusableStore> unusable_;
	ExceptionStore *store_ = nullptr;
	Owned<Regions> regions_;
	Owned<CommitQueue> commits_;
	Owned<Stall> stall_;

	/* Set by the first resume, never cleared. */
	Atomic<bool> active_;
	Atomic<Health> health_{Health::good};
	/* A write of the snapshot's user found no space: writes fail, reads go on. */
	Atomic<bool> overflowed_;
	Atomic<bool> changes_hands_;

	Tunables tunables_ DMSNAP_GUARDED_BY(origin_lock);
	/* Usage is above the low-water mark, and an event was posted. */
	bool above_low_water_ DMSNAP_GUARDED_BY(origin_lock) = false;
	PendingRuns pending_ DMSNAP_GUARDED_BY(origin_lock);
	/* Origin writes: see wait_while_unavailable(). */
	Ios unavailable_waiters_ DMSNAP_GUARDED_BY(origin_lock);
	/* See wait_for_copies(). */
	Ios copy_waiters_ DMSNAP_GUARDED_BY(origin_lock);
	/* The last sector that copy_state_at() looked up, and the answer; UINT64_MAX: none. */
	uint64_t copy_state_sector_ DMSNAP_GUARDED_BY(origin_lock) = UINT64_MAX;
	CopyState copy_state_ DMSNAP_GUARDED_BY(origin_lock){};
	uint64_t copying_chunks_ DMSNAP_GUARDED_BY(origin_lock) = 0;
	/* What copies ahead had wasted on the origin before this snapshot was activated. */
	uint64_t wasted_before_ DMSNAP_GUARDED_BY(origin_lock) = 0;
	/*
	 * References: runs, events, messages, and an invalidation under way; and what to set when
	 * there are none.
	 */
	unsigned int users_ DMSNAP_GUARDED_BY(origin_lock) = 0;
	Event *unused_ DMSNAP_GUARDED_BY(origin_lock) = nullptr;

	/* Why and when it became invalid */
	const char *invalid_reason_ DMSNAP_GUARDED_BY(origin_lock) = nullptr;
	uint64_t invalid_ns_ DMSNAP_GUARDED_BY(origin_lock) = 0;
	SnapshotStatistics statistics_ DMSNAP_GUARDED_BY(origin_lock);

	Events events_;
	struct Mark : InvalidMark {
		explicit Mark(Snapshot &of) : InvalidMark(&marked), snapshot(of) {}
		Snapshot &snapshot;
	} mark_{*this};
	MethodTask<Snapshot, &Snapshot::mark_invalid> mark_task_{*this};
};

} // namespace dmsnap
