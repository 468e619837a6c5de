// SPDX-License-Identifier: GPL-2.0-only
/*
 * Merger: merges the exceptions of a snapshot into its origin in the background, while the origin
 * is in use through the snapshot-merge target.
 *
 * It merges one batch after the other, from the end of the store's list:
 *
 *   step                                        if we crash after it
 *   1. read the last exceptions                 nothing has changed
 *   2. the batch is live: a write of one of     the same: as before, writes of
 *      its chunks marks its job dirty.  Wait    chunks that the snapshot has go to
 *      for writes that may have missed this     the COW device
 *   3. claim: other snapshots of the origin     they have the old data, durably
 *      copy what they lack of these chunks
 *   4. copy, many at a time                     both devices have the same data, or
 *                                               the origin has old; reads come from
 *                                               the COW device; a load merges again
 *      Jobs that became dirty meanwhile are
 *      copied again, a few times at most
 *   5. the batch is blocked: writes of its      the same
 *      chunks wait.  Writes under way end,
 *      and jobs that are still dirty are
 *      copied one last time
 *   6. flush the origin                         the same, and the origin's data is
 *                                               durable
 *   7. cut the exceptions off the list          all or some are merged; the others
 *      (persistent_merge.cpp)                   are merged again, with the data
 *                                               that the origin has already
 *   8. take the chunks out of the table; the    they are merged
 *      waiting writes go to the origin
 *
 * No write reaches the origin for a chunk that is still on the list: merging it again after a
 * crash would undo the write.  And no write is completed from step 5 to 8, where it would be lost
 * on the COW device.  So a write waits for a bounded time: for steps 5 to 8.  Their only copies
 * are of data written just before, and take their turn with all other copies; every copy before
 * step 5 yields to other copies.
 *
 * When told to stop, a run ends after the current batch, whose copies no longer yield.  But a
 * batch in step 3 is abandoned along with its claims: they may wait for room that other snapshots
 * do not have, and the suspend may be there to extend a COW device.  Nothing was copied and
 * nothing cut, so the list and both devices are unchanged.  The old data that other snapshots
 * have copied by then is as good as what they would copy later.  The batch is read again after a
 * crash, or by the next run.
 *
 * The size of a batch doubles while the device is otherwise idle, for the fewest flushes.  While
 * the device is in use, the size aims at batch_goal_ns, judged by the last batch.
 *
 * Errors: whatever fails, the merge ends and reports it ("Merge failed", a log line, an event).
 * Nothing was cut, so the batch is abandoned, all I/O goes on, and the next resume starts again.
 * Only if step 7 itself fails is it uncertain what the list holds.  Then the batch stays blocked,
 * and the exceptions are written back before its chunks are written, or before another snapshot
 * takes over the store.  If that fails, waiting writes get an error.
 *
 * Locking: the origin's lock guards what map() looks at.  Only the worker changes the table,
 * under the same lock.  Everything else belongs to the worker, which is the origin's.  The
 * snapshot's own worker does everything that submits to the COW device: requests to the store,
 * reads of the copies, and writes that have waited.
 */
#pragma once

#include <dmsnap/core.h>

#include "base/atomic.hpp"
#include "base/continuation.hpp"
#include "base/own.hpp"
#include "base/worker.hpp"
#include "io/io.hpp"
#include "io/regions.hpp"
#include "merge/merge_batch.hpp"
#include "merge/merge_claims.hpp"
#include "merge/merge_statistics.hpp"
#include "origin/origin.hpp"
#include "store/list_tail.hpp"

namespace dmsnap {

class PersistentStore;
class Snapshot;

class Merger {
public:
	/* May sleep. */
	static Result<Owned<Merger>> create(Snapshot &snapshot, Origin &origin);
	Merger(CreateKey<Merger>, Snapshot &snapshot, Origin &origin);
	/* The merge must have been stopped. */
	~Merger();

	/*
	 * The device was resumed: starts or continues the merge unless it is paused.  The
	 * snapshot must have its store.  Context: process.
	 */
	void start();
	/* After return nothing is under way.  Context: process, sleeps; not on the worker. */
	void stop();
	/*
	 * Pauses the merge as stop() does, even across a resume of the device; or continues it.
	 * Context: process.
	 */
	void pause();
	void go_on();
	/* Limits the merge to @kib KiB per second; 0: no limit.  Context: any. */
	void set_rate(uint32_t kib);
	/*
	 * The merge is stopped, and another snapshot will take over the store: tries to make certain
	 * what the list holds.  Returns false if the process was killed first.
	 * Context: process, sleeps; not on the worker.
	 */
	bool make_list_certain();
	/*
	 * Does the list on the COW device hold what the table does?  If not, exceptions may be
	 * missing from it.  The merge must be stopped.  Context: process.
	 */
	bool list_is_certain();
	/* Worker. */
	MergeStatistics &statistics() { return statistics_; }
	/* The last run ended with an error.  Context: any. */
	bool failed() const { return failed_.load_relaxed(); }

	/* Maps a bio of the target; see dmsnap_core_snapshot_map(). */
	dmsnap_map map(dmsnap_bio *bio, const dmsnap_bio_desc &desc, void *space);
	/* Maps a write again that has waited.  Worker. */
	void retry(Io &io);

	/* For the batch's jobs and extents. */
	dmsnap_device *origin_device() const;
	dmsnap_device *cow_device() const;
	/* The worker that submits to the COW device. */
	Worker &cow_worker() const;
	ChunkSize chunk_size() const;
	/*
	 * The end sector of @run on the origin.  Its last chunk may reach past the end of the
	 * origin.  If the origin ends before the run begins, the run is not shortened, and the
	 * I/O fails.  A chunk is also cut at the end of the merge's own device: what its COW
	 * chunk holds past that was never the snapshot's.
	 */
	uint64_t end_on_origin(const Run &run) const;
	/* The last chunk of the merge's own device.  A run of the batch ends after it. */
	OldChunk last_chunk() const;
	Copier &copier();
	/* Of the COW device: if it hangs, copies between other devices must go on. */
	CopyShare &copy_share() { return copy_share_; }
	/* Something waits for the batch to end. */
	bool awaited() const { return awaited_; }
	/* The device is otherwise idle, or something waits for the batch. */
	bool in_a_hurry() const { return phase_ == Phase::settling || !used_.load_relaxed(); }
	void copy_failed(const MergeExtent &extent);
	void job_ended();
	/* For the claims. */
	Origin &origin() { return origin_; }
	const MergeBatch &batch() const { return batch_; }
	void claimed();

private:
	/* The most in a batch, unless a chunk is larger: 8 MiB. */
	static constexpr uint64_t batch_sectors_max = 16384;
	static constexpr uint32_t batch_first = 256;
	static constexpr uint32_t batch_least = 32;
	static constexpr uint64_t batch_goal_ns = 8000000;
	/* How many times dirty jobs are copied again before the batch is blocked. */
	static constexpr unsigned int rounds_max = 8;
	/* Runs erased from the table in one hold of the lock. */
	static constexpr uint32_t erased_at_once = 32;
	static constexpr unsigned int memory_wait_ms = 10;

	enum class Phase : uint8_t {
		idle,
		reading,
		claiming,
		copying,
		settling,
		flushing,
		cutting,
		retiring,
		/* A batch ended, and the rate limit delays the next: see set_rate(). */
		pacing,
		/* It is uncertain what the list holds. */
		uncertain,
		putting_back,
	};

	/* The background. */
	/* @obstacle: stop_ or paused_, which it clears. */
	void begin_run(bool Merger::*obstacle);
	void next_batch();
	bool ahead_of_rate();
	bool told_to_stop();
	void look();
	void break_off();
	uint32_t batch_size() const;
	void ask_store(void (PersistentStore::*request)(ListTail &));
	void submit_request();
	void tail_ended();
	bool take_entries();
	void go_live();
	void writers_gone();
	enum class Copies : bool { all, again };
	void copy(Copies which);
	void settle();
	void flush();
	void flushed(int error);
	void retire();
	void put_back();
	void put_back_ended(const Status &status);
	void dissolve();
	void give_up(const char *text);
	void adapt();
	void end_run();
	bool end_run_if_told();
	void run_has_ended() DMSNAP_MUST_HOLD(origin_lock);

	/* Mapping. */
	void note_use()
	{
		if (!used_.load_relaxed())
			used_.store_relaxed(true);
	}
	dmsnap_map map_read(Io &io);
	dmsnap_map map_write(Io &io);
	dmsnap_map write_to_origin(Io &io);
	enum class Place : uint8_t { origin, cow, nowhere };
	Place place_write(Io &io, Attempt attempt);
	void send_to_cow();

	Snapshot &snapshot_;
	Origin &origin_;
	Atomic<bool> failed_;
	/* The device has had other I/O since the batch began. */
	Atomic<bool> used_;

	bool running_ DMSNAP_GUARDED_BY(origin_lock) = false;
	/* True before the first resume, and while the device is suspended. */
	bool stop_ DMSNAP_GUARDED_BY(origin_lock) = true;
	bool paused_ DMSNAP_GUARDED_BY(origin_lock) = false;
	Event *idle_ DMSNAP_GUARDED_BY(origin_lock) = nullptr;
	/* map() looks at the batch.  Writes of its chunks wait if blocked_ is set as well. */
	bool live_ DMSNAP_GUARDED_BY(origin_lock) = false;
	/* If it is set while no run is active, the list is uncertain. */
	bool blocked_ DMSNAP_GUARDED_BY(origin_lock) = false;
	Ios waiting_ DMSNAP_GUARDED_BY(origin_lock);
	/* Writes that have waited, and go to the COW device. */
	Ios to_cow_ DMSNAP_GUARDED_BY(origin_lock);

	/* KiB a second. */
	Atomic<uint32_t> rate_;

	/* Worker: */
	Phase phase_ = Phase::idle;
	MergeBatch batch_;
	uint32_t size_ = batch_first;
	uint64_t begun_ns_ = 0;
	/* Sectors merged since the rate was last checked, and when that was. */
	uint64_t paced_sectors_ = 0;
	uint64_t paced_since_ns_ = 0;
	bool merged_any_ = false;
	MergeStatistics statistics_;
	unsigned int jobs_left_ = 0;
	CopyShare copy_share_;
	unsigned int rounds_ = 0;
	bool last_round_ = false;
	bool awaited_ = false;
	const char *copy_error_ = nullptr;
	uint32_t erased_ = 0;

	struct Tail : ListTail {
		explicit Tail(Merger &of)
		    : ListTail([](ListTail &tail) {
			      Merger &merging = static_cast<Tail &>(tail).merger;
			      merging.origin().worker().post(merging.tail_task_);
		      }),
		      merger(of)
		{
		}
		Merger &merger;
	} tail_{*this};

	/* The COW device's worker: */
	void (PersistentStore::*request_)(ListTail &) = nullptr;
	MethodTask<Merger, &Merger::submit_request> request_task_{*this};
	MethodTask<Merger, &Merger::send_to_cow> send_task_{*this};

	MethodTask<Merger, &Merger::tail_ended> tail_task_{*this};
	MethodTask<Merger, &Merger::next_batch> next_task_{*this};
	MethodTask<Merger, &Merger::writers_gone> writers_task_{*this};
	Continuation<Merger, &Merger::flushed> flushed_task_{*this};
	MethodTask<Merger, &Merger::retire> retire_task_{*this};
	MethodTask<Merger, &Merger::look> look_task_{*this};
	MethodTask<Merger, &Merger::put_back> put_back_task_{*this};
	Regions::Waiter writers_{writers_task_};
	Owned<MergeClaims> claims_;
	Timer memory_timer_;
	Timer pace_timer_;
};

} // namespace dmsnap
