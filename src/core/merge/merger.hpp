// SPDX-License-Identifier: GPL-2.0-only
/*
 * Merger: brings the exceptions of a snapshot back to its origin, in the
 * background, while the origin is in use through the snapshot-merge target.
 *
 * One batch after the other, from the end of the store's list:
 *
 *   step                                        if we crash after it
 *   1. read the last exceptions                 nothing has changed
 *   2. the batch is live: whoever writes one    the same: as before, writes of
 *      of its chunks marks its job dirty.       chunks that the snapshot has go to
 *      Writes that may not have seen it end     the COW device
 *   3. claim: other snapshots of the origin     they have the old data, durably
 *      get what they lack of these chunks
 *   4. copy, many at a time                     both devices have the same data, or
 *                                               the origin has old; reads come from
 *                                               the COW device; a load merges again
 *      Jobs that got dirty meanwhile are
 *      copied again, a few times at most
 *   5. the batch is blocked: writes of its      the same
 *      chunks wait.  Those on their way end,
 *      jobs that are dirty still are copied
 *      for the last time
 *   6. flush the origin                         the same, and what the origin has
 *                                               stays
 *   7. cut the exceptions off the list          they are merged, or in part: then
 *      (persistent_merge.cpp)                   they are merged again, with the
 *                                               data the origin has already
 *   8. take the chunks out of the table; the    they are merged
 *      waiting writes go to the origin
 *
 * No write reaches the origin for a chunk that is on the list still: merging it
 * again after a crash would undo the write.  And none is answered from step 5 to
 * 8, when it would be lost on the COW device.  So a write waits for a bounded
 * time: steps 5 to 8, whose only copies are of what was written just before, and come
 * in turn with everybody else's; all copies in front of them let others go first.
 *
 * Told to stop, a run ends behind the batch in hand, whose copies go first then.  But a
 * batch in step 3 is given up with its claims: they may wait for room that other
 * snapshots have not got, and whoever suspends the device may be about to make some.
 * Nothing was copied and nothing cut, so the list and both devices are as they were; what
 * other snapshots have got of the old data by then is as good as what they would have got
 * later.  After a crash, or with the next run, the batch is read again.
 *
 * The size of a batch: it doubles as long as nobody uses the device, for the
 * fewest flushes; with I/O from outside it is what took batch_goal_ns last time.
 *
 * Errors: whatever fails, the merge ends and says so ("Merge failed", a log line,
 * an event).  Nothing was cut, so the batch is given up, everything goes on, and
 * the next resume begins anew.  Only when step 7 fails itself it is uncertain what
 * the list holds: the batch stays blocked, and the exceptions are written back
 * before anybody writes its chunks, or another snapshot takes the store over; who
 * cannot wait for that gets an error.
 *
 * Locking: the origin's lock for what map() looks at; the table's changes are the
 * worker's alone, under the same lock.  Everything else belongs to the worker, which is the
 * origin's.  The snapshot's own worker does what submits to the COW device: requests to the
 * store, reads of the copies, and writes that have waited.
 */
#pragma once

#include <dmsnap/core.h>

#include "base/atomic.hpp"
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
	/* Private to create(). */
	Merger(Snapshot &snapshot, Origin &origin);
	/* It must have been stopped. */
	~Merger();

	/*
	 * The device was resumed: begins, or goes on, unless it is held up.  The
	 * snapshot has its store by now.  Context: process.
	 */
	void start();
	/* After return nothing is under way.  Context: process, sleeps; not on the worker. */
	void stop();
	/*
	 * Holds the merge up as stop() does, whatever is resumed meanwhile; or lets it go
	 * on.  Context: process.
	 */
	void pause();
	void go_on();
	/* KiB of merged data in a second at most; 0: no limit.  Context: any. */
	void set_rate(uint32_t kib);
	/*
	 * Stopped, for who goes on with the store: makes certain what the list holds.
	 * False: it cannot be, and what the snapshot has may not be on the list.
	 * Context: process, sleeps; not on the worker.
	 */
	bool make_list_certain();
	/* Worker. */
	MergeStatistics &statistics() { return statistics_; }
	/* The last run ended with an error.  Context: any. */
	bool failed() const { return failed_.load_relaxed(); }

	/* A bio for the target; see dmsnap_core_snapshot_map(). */
	dmsnap_map map(dmsnap_bio *bio, const dmsnap_bio_desc &desc, void *space);
	/* Looks at a write anew that has waited.  Worker. */
	void retry(Io &io);

	/* For the batch's jobs and targets. */
	dmsnap_device *origin_device() const;
	dmsnap_device *cow_device() const;
	/* Submits to it. */
	Worker &cow_worker() const;
	ChunkSize chunk_size() const;
	/*
	 * The sector behind @run on the origin, whose last chunk may reach over its end.
	 * An origin that ends in front of the run is no reason to shorten it: I/O there
	 * then fails.  Nor does a chunk reach over the end of the merge's own device: what
	 * its COW chunk holds behind that was never the snapshot's.
	 */
	uint64_t end_on_origin(const Run &run) const;
	/* The last one of the merge's own device.  No run of the batch goes on behind it. */
	OldChunk last_chunk() const;
	Copier &copier();
	/* Somebody waits until the batch is through. */
	bool awaited() const { return awaited_; }
	/* Nobody else uses the device, or somebody waits for the batch. */
	bool in_a_hurry() const { return phase_ == Phase::settling || !used_.load_relaxed(); }
	void copy_failed(const MergeTarget &target);
	void job_ended();
	/* For the claims. */
	Origin &origin() { return origin_; }
	const MergeBatch &batch() const { return batch_; }
	void claimed();

private:
	/* The most that is in a batch, unless a chunk is larger: 8 MiB. */
	static constexpr uint64_t batch_sectors_max = 16384;
	static constexpr uint32_t batch_first = 256;
	static constexpr uint32_t batch_least = 32;
	static constexpr uint64_t batch_goal_ns = 8000000;
	/* How often dirty jobs are copied again before the batch is blocked. */
	static constexpr unsigned int rounds_max = 8;
	/* Runs taken out of the table with the lock held once. */
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
		/* A batch ended, and the next one is to begin later: see set_rate(). */
		pacing,
		/* The list is uncertain. */
		uncertain,
		putting_back,
	};

	/* The background. */
	void begin_run(bool resumed);
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
	void copy(bool only_again);
	void settle();
	void flush();
	void flushed();
	void retire();
	void put_back();
	void put_back_ended(const Status &status);
	void dissolve();
	void give_up(const char *text);
	void adapt();
	void end_run();

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
	Place place_write(Io &io, bool may_cut);
	void send_to_cow();

	Snapshot &snapshot_;
	Origin &origin_;
	Atomic<bool> failed_;
	/* Somebody outside has used the device since the batch began. */
	Atomic<bool> used_;

	/* Origin's lock: */
	bool running_ = false;
	/* Until the device is resumed for the first time, and while it is suspended. */
	bool stop_ = true;
	bool paused_ = false;
	Event *idle_ = nullptr;
	/* map() looks at the batch; writes of its chunks wait on a list. */
	bool live_ = false;
	/* When nothing is running: the list is uncertain. */
	bool blocked_ = false;
	Ios waiting_;
	/* That have waited, and go to the COW device. */
	Ios to_cow_;

	/* KiB a second. */
	Atomic<uint32_t> rate_;

	/* Worker: */
	Phase phase_ = Phase::idle;
	MergeBatch batch_;
	uint32_t size_ = batch_first;
	uint64_t begun_ns_ = 0;
	/* What was merged since the rate was looked at last, and when that was. */
	uint64_t paced_sectors_ = 0;
	uint64_t paced_since_ns_ = 0;
	bool merged_any_ = false;
	MergeStatistics statistics_;
	unsigned int jobs_left_ = 0;
	unsigned int rounds_ = 0;
	bool last_round_ = false;
	bool awaited_ = false;
	const char *copy_error_ = nullptr;
	uint32_t erased_ = 0;
	int flush_error_ = 0;

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

	/* Of the COW device's worker: */
	void (PersistentStore::*request_)(ListTail &) = nullptr;
	MethodTask<Merger, &Merger::submit_request> request_task_{*this};
	MethodTask<Merger, &Merger::send_to_cow> send_task_{*this};

	MethodTask<Merger, &Merger::tail_ended> tail_task_{*this};
	MethodTask<Merger, &Merger::next_batch> next_task_{*this};
	MethodTask<Merger, &Merger::writers_gone> writers_task_{*this};
	MethodTask<Merger, &Merger::flushed> flushed_task_{*this};
	MethodTask<Merger, &Merger::retire> retire_task_{*this};
	MethodTask<Merger, &Merger::look> look_task_{*this};
	MethodTask<Merger, &Merger::put_back> put_back_task_{*this};
	Regions::Waiter writers_{writers_task_};
	Owned<MergeClaims> claims_;
	Timer memory_timer_;
	Timer pace_timer_;
};

} // namespace dmsnap
