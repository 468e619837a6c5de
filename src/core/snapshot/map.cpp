// SPDX-License-Identifier: GPL-2.0-only
/* Snapshot: maps the bios of its user. */
#include <new>

#include "base/min_max.hpp"
#include "snapshot/discard_walk.hpp"
#include "snapshot/snapshot.hpp"

namespace dmsnap {

namespace {

constexpr int io_error = to_errno(Error::write_failed);

} // namespace

/* What to do with a write after the lock has been dropped. */
struct Snapshot::Verdict {
	enum class Kind : uint8_t {
		/* It was remapped to the COW device: submit it. */
		go,
		/*
		 * The same, but commit its exception afterwards: it needs to be durable, and is
		 * not yet.
		 */
		go_and_commit,
		/* It needs new chunks: call write->start(). */
		start,
		/* Waits on some list. */
		taken,
		/* Waits on the snapshot's list of held writes. */
		held,
		/* Fails. */
		fail,
	};

	Kind kind;
	NewChunk chunk = {};
	SnapshotWrite *write = nullptr;
};

dmsnap_map Snapshot::map(dmsnap_bio *bio, const dmsnap_bio_desc &desc, void *space)
{
	if (desc.op == DMSNAP_BIO_DISCARD)
		return map_discard(bio, desc, space);

	SnapshotIo &io = *new (space) SnapshotIo(bio, desc, *this);
	if (desc.op == DMSNAP_BIO_FLUSH)
		return map_flush(io);
	if (!healthy())
		return DMSNAP_MAP_KILL;
	switch (desc.op) {
	case DMSNAP_BIO_READ:
		return map_read(io);
	case DMSNAP_BIO_WRITE:
		return map_write(io);
	default:
		return DMSNAP_MAP_KILL;
	}
}

/*
 * Writes to the origin wait only for reads of a healthy snapshot.  A read of a failed snapshot
 * may have returned newer data of the origin.  But the snapshot is marked failed before such a
 * write is let through, so the check at the end of the read sees it.
 */
int Snapshot::end_io(Io &io)
{
	if (!io.tracked)
		return 0;
	regions_->leave(io.sector, io.token);
	return healthy() ? 0 : to_errno(Error::read_failed);
}

uint64_t Snapshot::chunks_to(const Io &io) const
{
	return chunk_size_.chunk_of(io.end() - 1) - chunk_size_.chunk_of(io.sector) + 1;
}

void Snapshot::remap_to_cow(Io &io, NewChunk chunk)
{
	uint64_t sector = chunk_size_.first_sector(chunk) + chunk_size_.offset_in_chunk(io.sector);
	dmsnap_port_bio_remap(io.bio, cow_device_, sector);
}

bool Snapshot::remap_if_mapped(Io &io)
{
	OldChunk chunk = chunk_size_.chunk_of(io.sector);
	Mapping mapping = look_up(io);
	if (!mapping.mapped)
		return false;
	/*
	 * Check after the table lookup: a run is counted as undurable before it is in the table.
	 * A lost run is no longer counted, but the snapshot has failed before that.
	 */
	if (io.fua && (commits_->undurable() || !healthy()))
		return false;
	io.cut(chunk_size_.first_sector(chunk + mapping.count));
	remap_to_cow(io, mapping.new_begin);
	return true;
}

/*
 * While a read is on its way, its chunk may be added to the table and the origin overwritten.  So
 * the read is counted first, and looked up after that.
 */
dmsnap_map Snapshot::map_read(Io &io)
{
	io.cut(Regions::limit(io.sector));
	io.token = regions_->enter(io.sector, io.end());
	OldChunk chunk = chunk_size_.chunk_of(io.sector);
	Mapping mapping = look_up(io);
	io.cut(chunk_size_.first_sector(chunk + mapping.count));
	if (mapping.mapped) {
		regions_->leave(io.sector, io.token);
		remap_to_cow(io, mapping.new_begin);
	} else {
		io.tracked = true;
		dmsnap_port_bio_remap(io.bio, origin_device_, io.sector);
	}
	return DMSNAP_MAP_REMAPPED;
}

dmsnap_map Snapshot::map_write(SnapshotIo &io)
{
	if (overflowed_.load_relaxed())
		return DMSNAP_MAP_KILL;
	if (remap_if_mapped(io))
		return DMSNAP_MAP_REMAPPED;
	return carry_out(io, judge_write(io, Attempt::first), Attempt::first);
}

WriteOutcome Snapshot::retry(Io &held)
{
	auto &io = static_cast<SnapshotIo &>(held);
	Verdict verdict = judge_write(io, Attempt::retry);
	carry_out(io, verdict, Attempt::retry);
	return verdict.kind == Verdict::Kind::held ? WriteOutcome::held : WriteOutcome::taken;
}

/*
 * On the first @attempt a bio that has to wait is cut so that it will map to one extent: the
 * chunks of one pending run, which will be contiguous, or one chunk.
 */
Snapshot::Verdict Snapshot::judge_write(SnapshotIo &io, Attempt attempt)
{
	OriginGuard guard(origin_.lock());
	using Kind = Verdict::Kind;

	if (!healthy() || overflowed_.load_relaxed())
		return {Kind::fail};

	OldChunk chunk = chunk_size_.chunk_of(io.sector);
	auto [run, free] = pending_around(chunk);
	if (run && !run->visible) {
		if (attempt == Attempt::first)
			io.cut(chunk_size_.first_sector(run->old_end()));
		/* Wait for this run alone: others of its operation may wait for another device. */
		run->waiters.push_back(io);
		return {Kind::taken};
	}
	Mapping mapping = look_up(io);
	if (mapping.mapped) {
		if (attempt == Attempt::first)
			io.cut(chunk_size_.first_sector(chunk + mapping.count));
		remap_to_cow(io, mapping.new_begin);
		return {io.fua && commits_->undurable() ? Kind::go_and_commit : Kind::go,
			mapping.new_begin};
	}
	return begin_write(io, chunk, smaller(mapping.count, free), attempt);
}

/* At least @count chunks from @chunk on are neither mapped nor pending. */
Snapshot::Verdict Snapshot::begin_write(SnapshotIo &io, OldChunk chunk, uint64_t count,
					Attempt attempt)
{
	origin_.lock().assert_held();
	using Kind = Verdict::Kind;
	uint64_t whole_chunks = chunk_size_.chunks_in(io.sectors);
	bool partial = chunk_size_.offset_in_chunk(io.sector) != 0 || whole_chunks == 0;
	uint64_t wanted = partial ? 1 : smaller(whole_chunks, count);

	auto wait_for_room = [&]() DMSNAP_MUST_HOLD(origin_lock) -> Verdict {
		if (attempt == Attempt::first)
			io.cut(chunk_size_.first_sector(chunk + 1));
		origin_.hold(*writes_, io);
		return {Kind::held};
	};
	auto wait_for_device = [&]() DMSNAP_MUST_HOLD(origin_lock) -> Verdict {
		if (attempt == Attempt::first)
			io.cut(chunk_size_.first_sector(chunk + 1));
		stall_->wait(io);
		return {Kind::taken};
	};
	if (stall_->active())
		return wait_for_device();
	if (attempt == Attempt::first && (origin_.any_held() || writes_->any_held()))
		return wait_for_room();
	if (partial && busy(attempt)) {
		if (attempt == Attempt::first)
			io.cut(chunk_size_.first_sector(chunk + 1));
		wait_for_copies(io);
		return {Kind::taken};
	}

	bool alone = !origin_.any_operation();
	SnapshotWrite *write = origin_.new_snapshot_write(*this, io);
	PendingRun *run = write ? origin_.new_run(*this, *write, {chunk, {}, 0}) : nullptr;
	bool reserved = run && table_->reserve(DMSNAP_ALLOC_NOWAIT);
	if (!reserved) {
		if (write)
			origin_.forget(write);
		if (!alone)
			return wait_for_room();
		/* No operation is under way whose end could wake it. */
		fail_locked(Failure::no_memory);
		return {Kind::fail};
	}
	auto taken = take_chunks(wanted);
	if (!taken) {
		table_->unreserve();
		origin_.forget(write);
		if (stall_->begin())
			return wait_for_device();
		overflow();
		return {Kind::fail};
	}
	if (attempt == Attempt::first)
		io.cut(chunk_size_.first_sector(chunk + taken->count));
	run->run.new_begin = taken->begin;
	run->run.count = taken->count;
	run->copying = partial;
	if (partial)
		copying_chunks_ += taken->count;
	pending_.insert(*run);
	write->run = run;
	return {Kind::start, taken->begin, write};
}

dmsnap_map Snapshot::carry_out(SnapshotIo &io, const Verdict &verdict, Attempt attempt)
{
	switch (verdict.kind) {
	case Verdict::Kind::go:
		if (attempt == Attempt::first)
			return DMSNAP_MAP_REMAPPED;
		dmsnap_port_bio_submit(io.bio);
		break;
	case Verdict::Kind::go_and_commit:
		dmsnap_port_bio_submit_watched(
			io.bio, cow_device_,
			chunk_size_.first_sector(verdict.chunk) +
				chunk_size_.offset_in_chunk(io.sector),
			[](void *ctx, int error) {
				auto &sent = *static_cast<SnapshotIo *>(ctx);
				sent.snapshot.sent_durable(sent, error);
			},
			&io);
		break;
	case Verdict::Kind::start:
		verdict.write->start();
		break;
	case Verdict::Kind::taken:
	case Verdict::Kind::held:
		break;
	case Verdict::Kind::fail:
		if (attempt == Attempt::first)
			return DMSNAP_MAP_KILL;
		dmsnap_port_bio_end(io.bio, io_error);
		break;
	}
	return DMSNAP_MAP_HELD;
}

/* The data is durable.  Its exception, without which the data cannot be found, is not yet. */
void Snapshot::sent_durable(SnapshotIo &io, int error)
{
	if (error) {
		dmsnap_port_bio_end(io.bio, error);
		return;
	}
	OriginGuard guard(origin_.lock());
	commits_->wait(io.durable);
}

dmsnap_map Snapshot::map_flush(SnapshotIo &io)
{
	if (commits_->undurable()) {
		OriginGuard guard(origin_.lock());
		commits_->wait(io.durable);
		return DMSNAP_MAP_HELD;
	}
	/*
	 * Written data may be lost.  Check after the count: a lost run is no longer counted, but
	 * the snapshot has failed before that.
	 */
	if (!healthy())
		return DMSNAP_MAP_KILL;
	dmsnap_port_bio_remap(io.bio, cow_device_, io.sector);
	return DMSNAP_MAP_REMAPPED;
}

SnapshotIo::SnapshotIo(dmsnap_bio *of_dm, const dmsnap_bio_desc &desc, Snapshot &of)
    : Io(of_dm, desc, of.writes()), snapshot(of)
{
}

SnapshotIo::Durable::Durable(SnapshotIo &of)
    : CommitWaiter([](CommitWaiter &waiter, Status status, bool flushed) {
	      SnapshotIo &waiting = static_cast<Durable &>(waiter).io;
	      bool flush = waiting.sectors == 0;
	      if (status && flush && !flushed) {
		      /*
		       * All entries were durable already, but data may still be in the device's
		       * cache.
		       */
		      dmsnap_port_bio_remap(waiting.bio, waiting.snapshot.cow_device(),
					    waiting.sector);
		      dmsnap_port_bio_submit(waiting.bio);
		      return;
	      }
	      dmsnap_port_bio_end(waiting.bio, status ? 0 : io_error);
      }),
      io(of)
{
}

dmsnap_map Snapshot::map_discard(dmsnap_bio *bio, const dmsnap_bio_desc &desc, void *space)
{
	DiscardWalk &walk = *new (space) DiscardWalk(*this, bio, desc);

	if (!healthy() || overflowed_.load_relaxed())
		return DMSNAP_MAP_KILL;
	if (desc.nr > 0) {
		/* Passed down.  By design it bypasses the other snapshots. */
		dmsnap_port_bio_remap(bio, origin_device_, desc.sector);
		return DMSNAP_MAP_REMAPPED;
	}
	walk.step_task.post(*worker_, 0);
	return DMSNAP_MAP_HELD;
}

} // namespace dmsnap
