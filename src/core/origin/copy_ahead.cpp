// SPDX-License-Identifier: GPL-2.0-only
/*
 * Origin: copies ahead of streams of first touches.
 */
#include <utility>

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
		if (run.covers(io.end() - 1, io.end()))
			copied_until = smaller(copied_until, run.end_sector());
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

	Streams::Guess guess;
	if (!streams_.take(guess))
		return;
	guess.end = smaller(guess.end, guess.begin + ahead_window(guess.begin));
	uint64_t at = guess.begin;
	for (unsigned int step = 0; at < guess.end && step < steps_max; step++) {
		Survey here = survey(at, guess.end);
		uint64_t until = here.until;
		if (here.kind == CopyState::Kind::missing) {
			until = begin_copy_ahead(at, guess.end, here);
			ahead_begun_ += until - at;
		} else if (here.kind != CopyState::Kind::safe) {
			break;
		}
		if (until == at)
			break;
		at = until;
	}
	streams_.made(guess, at, std::exchange(ahead_begun_, 0));
	/* The next one when the lock was free, and the copier has begun with these. */
	worker_->post(ahead_task_);
}

/* What all snapshots that watch @sector have agreed to. */
uint64_t Origin::ahead_window(uint64_t sector)
{
	uint64_t window = Streams::window_max;
	snapshots_.for_each([&](const Snapshot &snapshot) {
		if (snapshot.watches(sector))
			window = smaller(window, snapshot.ahead_window());
	});
	return window;
}

/* What may be copied ahead now from @begin on, where some snapshot lacks a chunk; 0: nothing. */
uint64_t Origin::ahead_room(uint64_t begin)
{
	/* All others first: those that wait for memory, and what the copier has to do. */
	if (suspending() || any_holder() || dmsnap_port_copy_throttle() < 100 ||
	    busy_snapshot(begin, true) || !copier_->has_spare(ahead_begun_ + piece_sectors))
		return 0;
	uint64_t room = piece_sectors;
	snapshots_.for_each([&](const Snapshot &snapshot) {
		if (snapshot.watches(begin) && snapshot.lacks(begin))
			room = smaller(room, snapshot.ahead_room());
	});
	return room;
}

/* Returns how far it has begun to copy: @begin, or the end of a chunk. */
uint64_t Origin::begin_copy_ahead(uint64_t begin, uint64_t end, const Survey &first)
{
	const uint64_t room = ahead_room(begin);
	CopyOut *made = room ? new_copy_out(begin) : nullptr;
	if (!made)
		return begin;
	made->ahead = true;
	made->begun = true;
	made->end_sector = copy_extent(begin, smaller(end, begin + room), first);
	begin_copies(*made, begin, made->end_sector);
	if (made->runs.empty()) {
		free_operation(*made);
		return begin;
	}
	uint64_t copied_until = made->end_sector;
	made->runs.for_each([&](PendingRun &run) {
		uint64_t run_end = run.end_sector();
		copied_until = run_end > copied_until ? run_end : copied_until;
	});
	worker_->post(made->start_task);
	return copied_until;
}

} // namespace dmsnap
