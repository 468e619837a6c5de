// SPDX-License-Identifier: GPL-2.0-only
#include "origin/origin.hpp"

#include "base/min_max.hpp"
#include "origin/survey.hpp"

namespace dmsnap {

Result<Owned<Origin>> Origin::create(uint64_t id, const char *name)
{
	auto worker = DMSNAP_TRY(Worker::create(name));
	auto origin = DMSNAP_TRY(make_owned<Origin>(CreateKey<Origin>(), id, std::move(worker)));
	origin->discard_worker_ = DMSNAP_TRY(Worker::create(name));

	DMSNAP_CHECK(origin->allocate());
	return origin;
}

Origin::Origin(CreateKey<Origin>, uint64_t id, Owned<Worker> worker)
    : OriginBase(std::move(worker), writes_, idle_task_), id_(id)
{
}

Origin::~Origin()
{
	worker_->stop(ahead_task_);
	stop_timers();
	writes_.stop();
	worker_->stop(idle_task_);
	copier_.reset();
}

dmsnap_map Origin::write(Io &io)
{
	{
		RcuGuard rcu;
		const uint64_t generation = copied_map_.generation();
		if (copied_map_.holds(io.sector, io.end(), generation))
			return DMSNAP_MAP_REMAPPED;

		uint64_t safe = io.end();
		bool any = false;
		for (const Snapshot &snapshot : snapshots_) {
			any = true;
			if (snapshot.changes_hands())
				safe = io.sector;
			else if (safe > io.sector && snapshot.watches(io.sector))
				safe = snapshot.safe_until(io.sector, safe);
		}
		if (safe > io.sector) {
			if (any) {
				copied_map_.put(io.sector, safe, generation);
				follow_stream(io.sector, safe);
			}
			io.cut(safe);
			return DMSNAP_MAP_REMAPPED;
		}
	}
	io.held_ns = dmsnap_port_now_ns();
	return examine(io, Attempt::first) == WriteOutcome::proceeds ? DMSNAP_MAP_REMAPPED
								     : DMSNAP_MAP_HELD;
}

bool Origin::known_safe(const Io &io)
{
	RcuGuard rcu;
	if (!copied_map_.holds(io.sector, io.end(), copied_map_.generation()))
		return false;
	follow_stream(io.sector, io.end());
	return true;
}

/*
 * On the first @attempt, the part in another state can be left to another bio.
 * Later the bio must be handled as a whole.
 */
WriteOutcome Origin::examine(Io &io, Attempt attempt)
{
	RcuGuard rcu;
	OriginGuard guard(lock_);

	const uint64_t generation = copied_map_.generation();
	for (uint64_t at = io.sector; at < io.end();) {
		Survey here = survey(at, io.end());
		switch (here.kind) {
		case CopyState::Kind::safe:
			copied_map_.put(at, here.until, generation);
			follow_stream(at, here.until);
			if (attempt == Attempt::first) {
				io.cut(here.until);
				return WriteOutcome::proceeds;
			}
			at = here.until;
			break;
		case CopyState::Kind::pending:
			here.run->snapshot.wanted(*here.run);
			here.run->waiters.push_back(io);
			return WriteOutcome::taken;
		case CopyState::Kind::unavailable:
			here.snapshot->wait_while_unavailable(io);
			return WriteOutcome::taken;
		case CopyState::Kind::no_room:
			here.snapshot->stall().wait(io);
			return WriteOutcome::taken;
		case CopyState::Kind::missing:
			return copy_out(io, at, here, attempt);
		}
	}
	return WriteOutcome::proceeds;
}

Origin::Survey Origin::survey(uint64_t sector, uint64_t end)
{
	lock_.assert_held();
	Survey all{CopyState::Kind::safe, end, nullptr, nullptr};
	uint64_t missing_until = sector;

	for (Snapshot &snapshot : snapshots_) {
		if (!snapshot.watches(sector))
			continue;
		CopyState state = snapshot.copy_state_at(sector, end);
		switch (state.kind) {
		case CopyState::Kind::safe:
			all.until = smaller(all.until, state.until);
			break;
		case CopyState::Kind::missing:
			if (all.kind == CopyState::Kind::safe)
				all.kind = state.kind;
			if (missing_until < state.until)
				missing_until = state.until;
			break;
		case CopyState::Kind::no_room:
		case CopyState::Kind::unavailable:
			if (all.kind != CopyState::Kind::pending)
				all.kind = state.kind;
			all.snapshot = &snapshot;
			break;
		case CopyState::Kind::pending:
			/*
			 * Of several, the run of the oldest operation would be best, but any will
			 * do.
			 */
			all.kind = state.kind;
			all.run = state.run;
			break;
		}
	}
	if (all.kind == CopyState::Kind::missing)
		all.until = missing_until;
	return all;
}

Origin::Stretch Origin::discardable(uint64_t sector, uint64_t end)
{
	Stretch stretch{end, true};
	RcuGuard rcu;
	OriginGuard guard(lock_);

	/* The suspend waits for the discard, which is only a hint: leave the rest alone. */
	if (suspending())
		return {end, false};
	for (const Snapshot &snapshot : snapshots_) {
		if (!snapshot.watches(sector))
			continue;
		const CopyState state = snapshot.look_up_copy_state(sector, end);
		stretch.until = smaller(stretch.until, state.until);
		stretch.safe = stretch.safe && state.kind == CopyState::Kind::safe;
	}
	return stretch;
}

/* How far, from @begin, each sector is missing in some snapshot and pending in none. */
uint64_t Origin::copy_extent(uint64_t begin, uint64_t end, const Survey &first)
{
	uint64_t limit = smaller(end, begin + copy_sectors_max);
	uint64_t until = first.until;

	while (until < limit) {
		Survey next = survey(until, limit);
		if (next.kind != CopyState::Kind::missing)
			break;
		until = next.until;
	}
	return smaller(until, limit);
}

/* A snapshot that lacks @begin, and whose limit of copies in flight is reached; or nullptr. */
Snapshot *Origin::busy_snapshot(uint64_t begin, Attempt attempt)
{
	Snapshot *busy = nullptr;
	for (Snapshot &snapshot : snapshots_) {
		if (snapshot.watches(begin) && snapshot.lacks(begin) && snapshot.busy(attempt))
			busy = &snapshot;
	}
	return busy;
}

WriteOutcome Origin::copy_out(Io &io, uint64_t begin, const Survey &here, Attempt attempt)
{
	/* First come, first served. */
	if (attempt == Attempt::first && any_held()) {
		hold(writes_, io);
		return WriteOutcome::held;
	}
	if (Snapshot *busy = busy_snapshot(begin, attempt)) {
		busy->wait_for_copies(io);
		return WriteOutcome::taken;
	}
	uint64_t end = copy_extent(begin, io.end(), here);
	CopyOut *made = copy_out_for(begin);
	if (!made) {
		hold(writes_, io);
		return WriteOutcome::held;
	}
	const bool complete = begin_copies(*made, begin, end);
	PendingRun *needed = run_needed(*made, begin, end);
	if (made->runs.empty()) {
		close(*made);
		free_operation(*made);
	} else if (!std::exchange(made->begun, true)) {
		/*
		 * Post only once: other bios may join the copy-out until it begins.  Post even if
		 * no run is needed, as a snapshot may become invalid at any time: runs must end.
		 */
		worker_->post(made->start_task);
	}
	if (!needed) {
		/* Memory is short: wait until an operation has ended. */
		if (survey(begin, end).kind == CopyState::Kind::missing) {
			hold(writes_, io);
			return WriteOutcome::held;
		}
		/*
		 * A snapshot without space stalls now, or has failed: the next examination finds
		 * that.
		 */
		look_again(io);
		return WriteOutcome::taken;
	}
	made->end_sector = end;
	made->complete = made->complete && complete;
	if (attempt == Attempt::first)
		io.cut(end);
	needed->waiters.push_back(io);
	if (attempt == Attempt::first)
		look_for_stream(io, *made);
	return WriteOutcome::taken;
}

/*
 * A run of @copy_out that a write of [@begin, @end) needs; nullptr if it needs none.  The last one
 * is best: the others will probably have ended before it.
 */
PendingRun *Origin::run_needed(CopyOut &copy_out, uint64_t begin, uint64_t end)
{
	PendingRun *needed = nullptr;
	for (PendingRun &run : copy_out.runs) {
		if (run.covers(begin, end) && run.snapshot.watches(begin))
			needed = &run;
	}
	return needed;
}

/* The previous copy-out if it has not begun and ends at @begin, else a new one. */
CopyOut *Origin::copy_out_for(uint64_t begin)
{
	if (open_ && open_->end_sector == begin && begin - open_->begin_sector < copy_sectors_max)
		return open_;

	CopyOut *made = new_copy_out(begin);
	if (made)
		open_ = made;
	return made;
}

bool Origin::begin_copies(CopyOut &copy_out, uint64_t begin, uint64_t end)
{
	bool complete = true;
	for (Snapshot &snapshot : snapshots_) {
		if (snapshot.watches(begin))
			complete = snapshot.begin_copies(copy_out, begin, end) && complete;
	}
	return complete;
}

void Origin::idle()
{
	RcuGuard rcu;
	OriginGuard guard(lock_);
	if (any_operation())
		return;
	trim();
	for (Snapshot &snapshot : snapshots_)
		snapshot.trim();
}

WriteOutcome Origin::retry(Io &io)
{
	WriteOutcome outcome = known_safe(io) ? WriteOutcome::proceeds
					      : examine(io, Attempt::retry);
	if (outcome == WriteOutcome::proceeds) {
		if (io.held_ns)
			held_us_.add_us_since(io.held_ns);
		io.pass(io);
	}
	return outcome;
}

void Origin::snapshot_left()
{
	if (snapshots_.empty())
		copied_map_.clear();
}

void Origin::begin_suspend()
{
	RcuGuard rcu;
	OriginGuard guard(lock_);

	suspending_++;
	streams_.forget_guesses();
	for (Snapshot &snapshot : snapshots_)
		snapshot.stall().look();
}

void Origin::end_suspend()
{
	OriginGuard guard(lock_);

	suspending_--;
	/* Guesses from before the suspend must not be started after it. */
	streams_.forget_guesses();
}

} // namespace dmsnap
