// SPDX-License-Identifier: GPL-2.0-only
/*
 * Origin: copies ahead of streams of first touches.
 */
#include "base/smaller.hpp"
#include "origin/survey.hpp"

namespace dmsnap {

namespace {

/* A copy ahead is settled as a whole, so it is made of what the copier takes at a time. */
constexpr uint64_t piece_sectors = 512;
/* Of one guess, under the lock: where copied chunks lie between, pieces are short. */
constexpr unsigned int steps_max = 16;

} // namespace

void Origin::look_for_stream(const Io &io, CopyOut &copy_out)
{
	if (io.sectors > Streams::write_max)
		return;
	uint64_t copied_until = UINT64_MAX;
	copy_out.runs.for_each([&](PendingRun &run) {
		if (run.snapshot.covers(run.run, io.end() - 1, io.end()))
			copied_until = smaller(copied_until, run.snapshot.end_of(run.run));
	});
	if (copied_until == UINT64_MAX)
		return;
	if (streams_.touched(io.sector, copied_until))
		worker_->post(ahead_task_);
}

void Origin::follow_stream(uint64_t begin, uint64_t end)
{
	if (streams_.any_ahead() && streams_.passed(begin, end))
		worker_->post(ahead_task_);
}

void Origin::copy_ahead()
{
	RcuGuard rcu;
	SpinGuard guard(lock_);

	for (Streams::Guess guess; streams_.take(guess);) {
		guess.end = smaller(guess.end, guess.begin + ahead_window());
		uint64_t copied = 0;
		uint64_t at = guess.begin;
		for (unsigned int step = 0; at < guess.end && step < steps_max; step++) {
			Survey here = survey(at, guess.end);
			uint64_t until = here.until;
			if (here.kind == OriginFate::Kind::missing) {
				until = begin_copy_ahead(at, guess.end, here, copied);
				copied += until - at;
			} else if (here.kind != OriginFate::Kind::safe) {
				break;
			}
			if (until == at)
				break;
			at = until;
		}
		streams_.made(guess, at, copied);
	}
}

/* What all snapshots have agreed to. */
uint64_t Origin::ahead_window()
{
	uint64_t window = Streams::window_max;
	snapshots_.for_each([&](const Snapshot &snapshot) {
		if (snapshot.active())
			window = smaller(window, snapshot.ahead_window());
	});
	return window;
}

/*
 * What may be copied ahead now from @begin on, where some snapshot lacks a chunk, behind
 * @copied sectors that streams_ does not know of yet; 0: nothing.
 */
uint64_t Origin::ahead_room(uint64_t begin, uint64_t copied)
{
	/* All others first: those that wait for memory, and what the copier has to do. */
	if (letting_go() || !holders_.empty() || dmsnap_port_copy_throttle() < 100 ||
	    busy_snapshot(begin, true) || !copier_->has_spare(piece_sectors))
		return 0;
	Streams::Count spent = streams_.count();
	spent.waiting += copied;
	uint64_t room = piece_sectors;
	snapshots_.for_each([&](const Snapshot &snapshot) {
		if (snapshot.watches(begin) && snapshot.lacks(begin))
			room = smaller(room, snapshot.ahead_room(spent));
	});
	return room;
}

/* Returns how far it has begun to copy: @begin, or the end of a chunk. */
uint64_t Origin::begin_copy_ahead(uint64_t begin, uint64_t end, const Survey &first,
				  uint64_t copied)
{
	const uint64_t room = ahead_room(begin, copied);
	CopyOut *made = room ? copy_outs_.get(*this) : nullptr;
	if (!made)
		return begin;
	operations_++;
	made->ahead = true;
	made->begun = true;
	made->begin_sector = begin;
	made->end_sector = copy_extent(begin, smaller(end, begin + room), first);
	snapshots_.for_each([&](Snapshot &snapshot) {
		if (snapshot.watches(begin))
			snapshot.begin_copies(*made, begin, made->end_sector);
	});
	if (made->runs.empty()) {
		free_operation(*made);
		return begin;
	}
	uint64_t copied_until = made->end_sector;
	made->runs.for_each([&](PendingRun &run) {
		uint64_t run_end = run.snapshot.end_of(run.run);
		copied_until = run_end > copied_until ? run_end : copied_until;
	});
	worker_->post(made->start_task);
	return copied_until;
}

} // namespace dmsnap
