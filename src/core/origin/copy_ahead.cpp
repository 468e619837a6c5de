// SPDX-License-Identifier: GPL-2.0-only
/*
 * Origin: copies ahead of streams of first touches.
 */
#include <utility>

#include "base/min_max.hpp"
#include "origin/survey.hpp"

namespace dmsnap {

namespace {

/* A copy ahead is settled as a whole, so it is no larger than a window of the copier. */
constexpr uint64_t piece_sectors = 512;
/* Bounds the work on one guess under the lock: pieces are short where copied chunks lie between. */
constexpr unsigned int steps_max = 16;

} // namespace

void Origin::look_for_stream(const Io &io, CopyOut &copy_out)
{
	if (io.sectors > Streams::write_max)
		return;
	uint64_t copied_until = UINT64_MAX;
	for (PendingRun &run : copy_out.runs) {
		if (run.covers(io.end() - 1, io.end()))
			copied_until = smaller(copied_until, run.end_sector());
	}
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
	OriginGuard guard(lock_);

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
	/*
	 * The next guess waits until the lock was released and the copier has started these
	 * copies.
	 */
	worker_->post(ahead_task_);
}

/* The smallest window of the snapshots that watch @sector. */
uint64_t Origin::ahead_window(uint64_t sector)
{
	uint64_t window = Streams::window_max;
	for (const Snapshot &snapshot : snapshots_) {
		if (snapshot.watches(sector))
			window = smaller(window, snapshot.ahead_window());
	}
	return window;
}

/* Sectors that may be copied ahead now from @begin on, where some snapshot lacks a chunk. */
uint64_t Origin::ahead_room(uint64_t begin)
{
	/* Held writes and the copier's other work come first. */
	if (suspending() || any_holder() || dmsnap_port_copy_throttle() < 100 ||
	    busy_snapshot(begin, Attempt::first) ||
	    !copier_->has_spare(ahead_begun_ + piece_sectors))
		return 0;
	uint64_t room = piece_sectors;
	for (const Snapshot &snapshot : snapshots_) {
		if (snapshot.watches(begin) && snapshot.lacks(begin))
			room = smaller(room, snapshot.ahead_room());
	}
	return room;
}

/* Returns how far it has begun to copy: @begin if not at all, or the end of a chunk. */
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
	for (PendingRun &run : made->runs) {
		uint64_t run_end = run.end_sector();
		copied_until = larger(run_end, copied_until);
	}
	worker_->post(made->start_task);
	return copied_until;
}

} // namespace dmsnap
