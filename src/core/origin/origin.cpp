// SPDX-License-Identifier: GPL-2.0-only
#include "origin/origin.hpp"

#include "base/smaller.hpp"
#include "origin/survey.hpp"

namespace dmsnap {

Result<Owned<Origin>> Origin::create(uint64_t id, const char *name)
{
	auto worker = DMSNAP_TRY(Worker::create(name));
	auto origin = DMSNAP_TRY(make_owned<Origin>(id, std::move(worker)));
	origin->discard_worker_ = DMSNAP_TRY(Worker::create(name));

	DMSNAP_CHECK(origin->allocate());
	return origin;
}

Origin::Origin(uint64_t id, Owned<Worker> worker)
    : OriginBase(std::move(worker), writes_, idle_task_), id_(id)
{
}

Origin::~Origin()
{
	stop_timers();
	writes_.stop();
	worker_->stop(ahead_task_);
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
		snapshots_.for_each([&](const Snapshot &snapshot) {
			any = true;
			if (snapshot.changes_hands())
				safe = io.sector;
			else if (safe > io.sector && snapshot.watches(io.sector))
				safe = snapshot.safe_until(io.sector, safe);
		});
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
	return examine(io, true) == Held::no ? DMSNAP_MAP_REMAPPED : DMSNAP_MAP_HELD;
}

/*
 * @may_cut: dm is mapping the bio, so what has another fate can be left to a bio
 * of its own.  Later the bio has to be seen through whole.
 */
Held Origin::examine(Io &io, bool may_cut)
{
	RcuGuard rcu;
	SpinGuard guard(lock_);

	const uint64_t generation = copied_map_.generation();
	for (uint64_t at = io.sector; at < io.end();) {
		Survey here = survey(at, io.end());
		switch (here.kind) {
		case OriginFate::Kind::safe:
			copied_map_.put(at, here.until, generation);
			follow_stream(at, here.until);
			if (may_cut) {
				io.cut(here.until);
				return Held::no;
			}
			at = here.until;
			break;
		case OriginFate::Kind::pending:
			here.run->snapshot.wanted(*here.run);
			wait_for(*here.run, io);
			return Held::elsewhere;
		case OriginFate::Kind::stuck:
			here.snapshot->wait_while_stuck(io);
			return Held::elsewhere;
		case OriginFate::Kind::no_room:
			here.snapshot->stall().wait(io);
			return Held::elsewhere;
		case OriginFate::Kind::missing:
			return copy_out(io, at, here, may_cut);
		}
	}
	return Held::no;
}

Origin::Survey Origin::survey(uint64_t sector, uint64_t end)
{
	Survey all{OriginFate::Kind::safe, end, nullptr, nullptr};
	uint64_t missing_until = sector;

	snapshots_.for_each([&](Snapshot &snapshot) {
		if (!snapshot.watches(sector))
			return;
		OriginFate fate = snapshot.fate_at(sector, end);
		switch (fate.kind) {
		case OriginFate::Kind::safe:
			all.until = smaller(all.until, fate.until);
			break;
		case OriginFate::Kind::missing:
			if (all.kind == OriginFate::Kind::safe)
				all.kind = fate.kind;
			if (missing_until < fate.until)
				missing_until = fate.until;
			break;
		case OriginFate::Kind::no_room:
		case OriginFate::Kind::stuck:
			if (all.kind != OriginFate::Kind::pending)
				all.kind = fate.kind;
			all.snapshot = &snapshot;
			break;
		case OriginFate::Kind::pending:
			/* Of several, the oldest operation's would be best; any will do. */
			all.kind = fate.kind;
			all.run = fate.run;
			break;
		}
	});
	if (all.kind == OriginFate::Kind::missing)
		all.until = missing_until;
	return all;
}

Origin::Stretch Origin::discardable(uint64_t sector, uint64_t end)
{
	Stretch stretch{end, true};
	RcuGuard rcu;
	SpinGuard guard(lock_);

	/* Whoever suspends waits for the discard, which is a hint: the rest is left alone. */
	if (letting_go())
		return {end, false};
	snapshots_.for_each([&](const Snapshot &snapshot) {
		if (!snapshot.watches(sector))
			return;
		const OriginFate fate = snapshot.look_up_fate(sector, end);
		stretch.until = smaller(stretch.until, fate.until);
		stretch.safe = stretch.safe && fate.kind == OriginFate::Kind::safe;
	});
	return stretch;
}

/* From @begin, how far some snapshot lacks each sector and none has anything pending. */
uint64_t Origin::copy_extent(uint64_t begin, uint64_t end, const Survey &first)
{
	uint64_t limit = smaller(end, begin + copy_sectors_max);
	uint64_t until = first.until;

	while (until < limit) {
		Survey next = survey(until, limit);
		if (next.kind != OriginFate::Kind::missing)
			break;
		until = next.until;
	}
	return smaller(until, limit);
}

/* One that lacks @begin, and has as many copies under way as it may. */
Snapshot *Origin::busy_snapshot(uint64_t begin, bool newcomer)
{
	Snapshot *busy = nullptr;
	snapshots_.for_each([&](Snapshot &snapshot) {
		if (snapshot.watches(begin) && snapshot.lacks(begin) && snapshot.busy(newcomer))
			busy = &snapshot;
	});
	return busy;
}

Held Origin::copy_out(Io &io, uint64_t begin, const Survey &here, bool may_cut)
{
	/* First come, first served. */
	if (may_cut && any_held()) {
		hold(writes_, io);
		return Held::on_list;
	}
	if (Snapshot *busy = busy_snapshot(begin, may_cut)) {
		busy->wait_for_copies(io);
		return Held::elsewhere;
	}
	uint64_t end = copy_extent(begin, io.end(), here);
	CopyOut *made = copy_out_for(begin);
	if (!made) {
		hold(writes_, io);
		return Held::on_list;
	}
	begin_copies(*made, begin, end);
	if (made->runs.empty()) {
		close(*made);
		free_operation(*made);
		/* Without memory it waits until an operation has ended. */
		if (survey(begin, end).kind == OriginFate::Kind::missing) {
			hold(writes_, io);
			return Held::on_list;
		}
		/* A snapshot without space stalls now, or fails: that is found there. */
		look_again(io);
		return Held::elsewhere;
	}
	made->end_sector = end;
	if (may_cut)
		io.cut(end);
	wait_for(*made->runs.back(), io);
	/* Once: a bio that joins it may come when it is about to begin, but no later. */
	if (!std::exchange(made->begun, true))
		worker_->post(made->start_task);
	if (may_cut)
		look_for_stream(io, *made);
	return Held::elsewhere;
}

/* The one before, if it has not begun and ends where this begins; else a new one. */
CopyOut *Origin::copy_out_for(uint64_t begin)
{
	if (open_ && open_->end_sector == begin && begin - open_->begin_sector < copy_sectors_max)
		return open_;

	CopyOut *made = new_copy_out(begin);
	if (made)
		open_ = made;
	return made;
}

void Origin::begin_copies(CopyOut &copy_out, uint64_t begin, uint64_t end)
{
	snapshots_.for_each([&](Snapshot &snapshot) {
		if (snapshot.watches(begin))
			snapshot.begin_copies(copy_out, begin, end);
	});
}

void Origin::idle()
{
	RcuGuard rcu;
	SpinGuard guard(lock_);
	if (any_operation())
		return;
	trim();
	snapshots_.for_each([](Snapshot &snapshot) { snapshot.trim(); });
}

Held Origin::retry(Io &io)
{
	Held held = examine(io, false);
	if (held == Held::no) {
		if (io.held_ns)
			held_us_.add_us_since(io.held_ns);
		io.pass(io);
	}
	return held;
}

void Origin::snapshot_left()
{
	bool any = false;
	snapshots_.for_each([&](const Snapshot &) { any = true; });
	if (!any)
		copied_map_.clear();
}

void Origin::let_go(bool now)
{
	RcuGuard rcu;
	SpinGuard guard(lock_);

	letting_go_ += now ? 1 : -1u;
	/* What was wanted before is not to be begun behind the suspend. */
	streams_.forget_guesses();
	if (now)
		snapshots_.for_each([](Snapshot &snapshot) { snapshot.stall().look(); });
}

} // namespace dmsnap
