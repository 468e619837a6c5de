// SPDX-License-Identifier: GPL-2.0-only
/* Copier: what waits for a destination's share of the pages, and what goes on without it. */
#include "copier/copier.hpp"

namespace dmsnap {

bool Copier::full(const CopyShare &share, size_t wanted) const
{
	const size_t left = PageReserve::pages_max - pages_.out();

	return share.pages > 0 && share.pages + wanted > left;
}

bool Copier::any_full(const Window &window, size_t wanted) const
{
	bool any = false;
	for (CopyDestination *at = window.first; at; at = window.after(*at))
		any |= at->share && !part_of(window, *at).empty() && full(*at->share, wanted);
	return any;
}

/*
 * Looks at the shares of the destinations that want something of @part.  Other destinations may
 * have ended, and their shares be gone.
 */
Copier::Room Copier::make_room(CopyJob &job, const Part &part, size_t wanted)
{
	const uint64_t now = dmsnap_port_now_ns();
	bool any_apart = false;
	bool any_here = false;

	for (CopyDestination &destination : job.destinations) {
		if (destination.apart_from_ <= part.begin) {
			any_apart = true;
			continue;
		}
		Part here = part_of(part, destination);
		if (here.empty())
			continue;
		CopyShare *share = destination.share;
		if (!share || !full(*share, wanted)) {
			any_here = true;
			continue;
		}
		if (now - share->answered_ns < answer_ns)
			return Room::later;
		leave_behind(destination, job, here);
		any_apart = true;
	}
	return any_apart && !any_here ? Room::unwanted : Room::enough;
}

/* The job goes on without the destination, which waits for its share alone. */
void Copier::leave_behind(CopyDestination &destination, CopyJob &job, const Part &missed)
{
	destination.apart_from_ = job.cursor_.at;
	destination.cursor_.job = &job;
	destination.cursor_.only = &destination;
	destination.cursor_.at = missed.begin;
	destination.cursor_.end = destination.source_offset + destination.sectors;
	job.cursors_++;
	destination.share->cursors.push_back(destination.cursor_);
}

/* A share was full that the cursor needs. */
void Copier::wait_for_share(CopyCursor &cursor, Cursors &waiting)
{
	cursor.link.unlink();
	waiting.push_back(cursor);
}

void Copier::wake(Cursors &waiting)
{
	while (CopyCursor *cursor = waiting.pop_front())
		(cursor->job->background_pages ? background_cursors_ : cursors_).push_back(*cursor);
}

void Copier::look_at_shares()
{
	wake(waiting_);
	pump();
}

/* @window has its pages, and wants something of @destination. */
void Copier::enter_share(const Window &window, CopyDestination &destination)
{
	CopyShare &share = *destination.share;
	if (share.pages == 0)
		share.answered_ns = window.since_ns;
	share.pages += window.page_count;
}

/* The part of @window for @destination has been written, or has failed. */
void Copier::leave_share(const Window &window, CopyDestination &destination)
{
	CopyShare *share = destination.share;
	if (!share)
		return;
	share->pages -= window.page_count;
	share->answered_ns = dmsnap_port_now_ns();
	if (share->cursors.empty() && waiting_.empty() && again_.empty())
		return;
	wake(share->cursors);
	wake(waiting_);
	/* Another destination may hang and keep the window in use, so do not wait for its end. */
	worker_.post(pump_task_);
}

} // namespace dmsnap
