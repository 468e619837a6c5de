// SPDX-License-Identifier: GPL-2.0-only
/*
 * SnapshotTarget: suspend and resume, and its part in a handover.
 */
#include <new>

#include "target/snapshot_target.hpp"

namespace dmsnap {

/*
 * New I/O still arrives.  I/O that waits for the merge, or for the COW device to be extended,
 * continues.
 */
void SnapshotTarget::presuspend()
{
	begin_suspend();
	if (merger_)
		merger_->stop();
}

void SnapshotTarget::presuspend_undo()
{
	end_suspend();
	if (merger_)
		merger_->start();
}

/* A snapshot-merge device stands in for the origin, so its writes stall there. */
void SnapshotTarget::begin_suspend()
{
	if (std::exchange(suspending_, true))
		return;
	if (merger_) {
		origin_->begin_suspend();
		return;
	}
	OriginGuard guard(origin_->lock());
	snapshot_->stall().begin_suspend();
}

void SnapshotTarget::end_suspend()
{
	if (!std::exchange(suspending_, false))
		return;
	if (merger_) {
		origin_->end_suspend();
		return;
	}
	OriginGuard guard(origin_->lock());
	snapshot_->stall().end_suspend();
}

void SnapshotTarget::resumed()
{
	if (merger_)
		merger_->start();
}

void SnapshotTarget::postsuspend()
{
	end_suspend();
	/* That of a suspend that was killed does not cover what was written since. */
	if (suspend_commit_asked_ && !await_suspend_commit())
		return;
	if (!snapshot_->commits().undurable())
		return;
	suspend_commit_asked_ = true;
	new (&suspend_commit_.durable) Event;
	{
		OriginGuard guard(origin_->lock());
		snapshot_->commits().wait(suspend_commit_);
	}
	await_suspend_commit();
}

/*
 * Returns false if the process was killed: the COW device may be suspended itself, or hang.  That
 * loses nothing: what was flushed is durable, and the rest follows when the device answers.
 */
bool SnapshotTarget::await_suspend_commit()
{
	suspend_commit_asked_ =
		suspend_commit_.durable.wait_killable("recording a suspended snapshot's writes");
	return !suspend_commit_asked_;
}

void SnapshotTarget::take_over(SnapshotTarget &source)
{
	source.no_store_ = true;
	awaits_handover_ = false;
	snapshot_->take_over(*source.snapshot_);
}

void SnapshotTarget::end_handover()
{
	snapshot_->end_handover();
	if (Event *event = std::exchange(handed_over_, nullptr))
		event->set();
}

bool SnapshotTarget::tell_of_handover(Event &event)
{
	if (!snapshot_->changes_hands())
		return false;
	handed_over_ = &event;
	return true;
}

void SnapshotTarget::cancel_handover()
{
	awaits_handover_ = false;
	no_store_ = true;
	snapshot_->lose_store();
}

} // namespace dmsnap
