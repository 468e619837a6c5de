// SPDX-License-Identifier: GPL-2.0-only
/* Snapshot: the life cycle of its pending runs. */
#include <dmsnap/port/trace.h>

#include "base/min_max.hpp"
#include "snapshot/snapshot.hpp"

namespace dmsnap {

void Snapshot::trace(dmsnap_trace_kind kind, const PendingRun &run, uint64_t us, int error) const
{
	dmsnap_trace trace{.kind = kind,
			   .cow = cow_id(),
			   .old_chunk = run.run.old_begin.value,
			   .new_chunk = run.run.new_begin.value,
			   .count = run.run.count,
			   .us = us,
			   .failed = error != 0};
	dmsnap_port_trace(&trace);
}

void Snapshot::trace_batch(dmsnap_trace_kind kind, uint64_t count, uint64_t us,
			   const Status &status) const
{
	dmsnap_trace trace{.kind = kind,
			   .cow = cow_id(),
			   .old_chunk = 0,
			   .new_chunk = 0,
			   .count = count,
			   .us = us,
			   .failed = !status};
	dmsnap_port_trace(&trace);
}

Snapshot::Pending Snapshot::pending_around(OldChunk chunk) const
{
	auto [before, behind] = pending_.find_around(chunk.value);
	return {before && chunk < before->old_end() ? before : nullptr,
		behind ? behind->run.old_begin - chunk : UINT64_MAX};
}

/* The fallback for find_soon(): the lock keeps writers of the table out. */
Mapping Snapshot::look_up_locked(OldChunk chunk, uint64_t max) const
{
	OriginGuard guard(origin_.lock());
	return table_->find(chunk, max);
}

uint64_t Snapshot::safe_until(uint64_t sector, uint64_t end) const
{
	OldChunk last = chunk_size_.chunk_of(watched_end(end) - 1);

	for (OldChunk chunk = chunk_size_.chunk_of(sector); chunk <= last;) {
		Mapping mapping = look_up(chunk, last - chunk + 1);
		if (!mapping.mapped) {
			end = chunk_size_.first_sector(chunk);
			if (end <= sector)
				return sector;
			break;
		}
		chunk = chunk + mapping.count;
	}
	/* Check after the table: a run is added to regions_ before it is in the table. */
	return regions_->settled(sector, end) ? end : sector;
}

CopyState Snapshot::copy_state_at(uint64_t sector, uint64_t end)
{
	/* During a handover this is left to the new owner. */
	if (health_.load_relaxed() == Health::unusable && !changes_hands())
		begin_mark();
	copy_state_sector_ = sector;
	copy_state_ = look_up_copy_state(sector, end);
	return copy_state_;
}

CopyState Snapshot::look_up_copy_state(uint64_t sector, uint64_t end) const
{
	OldChunk chunk = chunk_size_.chunk_of(sector);
	uint64_t wanted = chunk_size_.chunk_of(watched_end(end) - 1) - chunk + 1;

	auto [run, free] = pending_around(chunk);
	if (run)
		return {CopyState::Kind::pending, chunk_size_.first_sector(run->old_end()), run};

	Mapping mapping = table_->find(chunk, smaller(wanted, free));
	uint64_t until = chunk_size_.first_sector(chunk + mapping.count);
	/* A run that was lost after it had become visible is in the table, but not in the store. */
	if (mapping.mapped && (healthy() || regions_->settled(sector, until)))
		return {CopyState::Kind::safe, until, nullptr};
	CopyState::Kind kind = !healthy() || changes_hands() ? CopyState::Kind::unavailable
			       : stall_->active()	     ? CopyState::Kind::no_room
							     : CopyState::Kind::missing;
	return {kind, until, nullptr};
}

bool Snapshot::over_threshold() const
{
	return copying_chunks_ >
	       (tunables_.in_flight ? tunables_.in_flight : dmsnap_port_cow_threshold());
}

bool Snapshot::begin_copies(CopyOut &copy_out, uint64_t begin, uint64_t end)
{
	origin_.lock().assert_held();
	bool complete = true;
	end = watched_end(end);
	for (uint64_t at = begin; at < end && healthy();) {
		/*
		 * The cached answer still holds: only this loop has changed anything since, and
		 * only below @at.
		 */
		CopyState state = at == copy_state_sector_ ? copy_state_ : copy_state_at(at, end);
		if (state.kind != CopyState::Kind::missing) {
			complete = complete && state.kind == CopyState::Kind::safe;
			at = state.until;
			continue;
		}
		OldChunk chunk = chunk_size_.chunk_of(at);
		uint64_t last_sector = smaller(state.until, end) - 1;
		uint64_t count = chunk_size_.chunk_of(last_sector) - chunk + 1;
		if (copy_out.ahead) {
			/* This snapshot may have less room than the others. */
			count = busy(Attempt::first)
					? 0
					: smaller(count, ahead_room() >> chunk_size_.shift());
			if (count == 0)
				return false;
		}

		PendingRun *run = origin_.new_run(*this, copy_out, {chunk, {}, 0});
		if (!run || !table_->reserve(DMSNAP_ALLOC_NOWAIT)) {
			if (run)
				origin_.forget(*run);
			/* Otherwise the write is examined again when an operation has ended. */
			if (!copy_out.ahead && !origin_.any_other_operation(copy_out))
				fail_locked(Failure::no_memory);
			return false;
		}
		auto taken = take_chunks(count);
		PendingRun *before = taken ? run_to_extend(copy_out, chunk, taken->begin) : nullptr;
		if (!taken || before) {
			table_->unreserve();
			origin_.forget(*run);
		}
		if (!taken) {
			if (!copy_out.ahead && !stall_->begin())
				fail_locked(Failure::no_space);
			return false;
		}
		if (before) {
			before->run.count += taken->count;
		} else {
			run->run.new_begin = taken->begin;
			run->run.count = taken->count;
			run->copying = !copy_out.ahead;
			pending_.insert(*run);
			trace(DMSNAP_TRACE_COPY_BEGIN, *run, 0, 0);
		}
		if (!copy_out.ahead)
			copying_chunks_ += taken->count;
		at = chunk_size_.first_sector(chunk + taken->count);
	}
	return complete && healthy();
}

void Snapshot::trim()
{
	/* Until the snapshot is active, its constructor may be filling the table. */
	if (active() && table_)
		table_->trim();
}

Result<NewChunks> Snapshot::take_chunks(uint64_t wanted)
{
	origin_.lock().assert_held();
	uint64_t allowed = stall_->allowance();
	if (allowed == 0)
		return dmsnap::fail(Error::cow_device_full);
	auto taken = store_->prepare(smaller(wanted, allowed));
	if (!taken && taken.error() == Error::cow_device_cut_off)
		cut_off();
	look_at_low_water();
	return taken;
}

/* The run of the same copy-out that these chunks can extend, or nullptr. */
PendingRun *Snapshot::run_to_extend(CopyOut &copy_out, OldChunk chunk, NewChunk new_chunk) const
{
	if (chunk_size_.first_sector(chunk) <= copy_out.begin_sector)
		return nullptr;
	PendingRun *run = pending_around(chunk - 1).run;
	if (!run || &run->operation != &copy_out || run->run.new_end() != new_chunk)
		return nullptr;
	return run;
}

void Snapshot::wanted(const PendingRun &run)
{
	if (run.visible)
		commits_->hurry();
}

void Snapshot::copied(PendingRun &run, int error)
{
	const uint64_t us = us_since(run.since_ns);
	trace(DMSNAP_TRACE_COPY_DONE, run, us, error);
	const bool ahead = static_cast<CopyOut &>(run.operation).ahead;
	if (error && ahead) {
		/* A later write copies the chunk itself. */
		run_lost(run);
		return;
	}
	if (error)
		fail(Failure::io);
	{
		OriginGuard guard(origin_.lock());
		if (ahead)
			statistics_.ahead_chunks += run.run.count;
		statistics_.copies++;
		statistics_.copied_chunks += run.run.count;
		statistics_.copy_us.add(us);
		if (std::exchange(run.copying, false))
			copies_ended(run.run.count);
		if (healthy()) {
			commits_->add(run);
			return;
		}
	}
	run_lost(run);
}

void Snapshot::make_visible(PendingRun &run)
{
	origin_.lock().assert_held();
	regions_->add_unsettled(run.begin_sector(), run.end_sector());
	table_->insert(run.run);
	run.visible = true;
}

void Snapshot::count_written(const PendingRun &run)
{
	statistics_.writes++;
	statistics_.written_chunks += run.run.count;
	statistics_.write_us.add_us_since(run.since_ns);
}

bool Snapshot::written_whole(PendingRun &run)
{
	auto &write = static_cast<SnapshotWrite &>(run.operation);
	SnapshotIo *io;
	{
		OriginGuard guard(origin_.lock());
		/*
		 * Held bios may be waiting for this run to leave the copy limit; let the worker
		 * finish it.
		 */
		if (!healthy() || write.writer->fua || !run.waiters.empty() || run.copying)
			return false;
		io = std::exchange(write.writer, nullptr);
		count_written(run);
		commits_->visible_early();
		make_visible(run);
		commits_->add_lazy(run);
	}
	/* The lock was dropped: the operation may have ended. */
	dmsnap_port_bio_end(io->bio, 0);
	return true;
}

void Snapshot::written(PendingRun &run)
{
	auto &write = static_cast<SnapshotWrite &>(run.operation);
	SnapshotIo &io = *std::exchange(write.writer, nullptr);
	bool visible = false;
	bool fua = io.fua;

	const int error = write.error.load_relaxed();
	if (error)
		fail(Failure::io);
	{
		OriginGuard guard(origin_.lock());
		count_written(run);
		if (run.copying) {
			run.copying = false;
			copies_ended(run.run.count);
		}
		if (healthy()) {
			commits_->visible_early();
			make_visible(run);
			visible = true;
			if (fua) {
				commits_->add(run);
				commits_->wait(io.durable);
			} else {
				commits_->add_lazy(run);
			}
			/*
			 * Writes to the snapshot can go on; those to the origin will wait again.
			 * Once the lock is dropped, the run may have ended and the write been
			 * freed.
			 */
			origin_.wake(write);
		}
	}
	if (!visible) {
		dmsnap_port_bio_end(io.bio, error ? error : to_errno(Error::write_failed));
		run_lost(run);
		return;
	}
	if (!fua)
		dmsnap_port_bio_end(io.bio, 0);
}

void Snapshot::run_recorded(PendingRun &run, const Status &status)
{
	/* If the run is lost, the snapshot has failed before this count drops: see map_flush(). */
	if (run.visible)
		commits_->settled_early();
	if (!status) {
		run_lost(run);
		return;
	}
	if (!run.visible) {
		OriginGuard guard(origin_.lock());
		make_visible(run);
	}
	if (regions_->wait(run.readers, run.begin_sector(), run.end_sector()))
		run_settled(run, 0);
	else
		run.since_ns = dmsnap_port_now_ns();
}

void Snapshot::run_settled(PendingRun &run, uint64_t us)
{
	trace(DMSNAP_TRACE_COPY_SETTLED, run, us, 0);
	OriginGuard guard(origin_.lock());
	statistics_.readers_us.add(us);
	regions_->drop_unsettled(run.begin_sector(), run.end_sector());
	end_run(run);
}

/*
 * The run was settled or lost.  It drops its reference to the snapshot, and may free its
 * operation.  A process that destroys the snapshot now still waits for the task that calls this:
 * stop() flushes the origin's worker and the snapshot's own.
 */
void Snapshot::end_run(PendingRun &run)
{
	origin_.lock().assert_held();
	pending_.remove(run);
	run.ended = true;
	origin_.look_again(run.waiters);
	origin_.part_finished(run.operation);
	drop();
}

/* The snapshot has failed, so the run is of no use any more; or a copy ahead has failed. */
void Snapshot::run_lost(PendingRun &run)
{
	OriginGuard guard(origin_.lock());
	/* A visible run never settles: see look_up_copy_state(). */
	if (!run.visible)
		table_->unreserve();
	if (run.operation.kind == Operation::Kind::copy_out)
		static_cast<CopyOut &>(run.operation).complete = false;
	end_run(run);
}

/* @chunks are no longer in flight. */
void Snapshot::copies_ended(uint64_t chunks)
{
	origin_.lock().assert_held();
	copying_chunks_ -= chunks;
	if (copy_waiters_.empty() || over_threshold())
		return;
	origin_.look_again(copy_waiters_);
}

/*
 * Has everything that waits for this snapshot examined again: it is invalid, or has left the
 * origin, or its store has changed hands.  Its runs may take as long as its COW device does;
 * nothing needs them now.
 */
void Snapshot::release_waiters()
{
	origin_.lock().assert_held();
	origin_.look_again(unavailable_waiters_);
	origin_.look_again(copy_waiters_);
	for (PendingRun *run = pending_.first(); run;
	     run = pending_.find_around(run->run.old_begin.value).behind)
		origin_.look_again(run->waiters);
	origin_.close_open();
	/* Held writes may have waited to start a copy for it. */
	origin_.release_held();
}

} // namespace dmsnap
