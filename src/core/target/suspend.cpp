// SPDX-License-Identifier: GPL-2.0-only
/*
 * SnapshotTarget: suspend and resume, and its part in a handover.
 */
#include <new>

#include "target/snapshot_target.hpp"

namespace dmsnap {

/* I/O still comes, and what waits for the merge or for a larger device ends with it. */
void SnapshotTarget::presuspend()
{
	let_go(true);
	if (merger_)
		merger_->stop();
}

void SnapshotTarget::presuspend_undo()
{
	let_go(false);
	if (merger_)
		merger_->start();
}

/* Who merges is the origin to its user. */
void SnapshotTarget::let_go(bool now)
{
	if (now == letting_go_)
		return;
	letting_go_ = now;
	if (merger_) {
		origin_->let_go(now);
		return;
	}
	SpinGuard guard(origin_->lock());
	snapshot_->stall().let_go(now);
}

void SnapshotTarget::resumed()
{
	if (merger_)
		merger_->start();
}

void SnapshotTarget::postsuspend()
{
	let_go(false);
	if (!snapshot_->commits().undurable() && !suspend_commit_asked_)
		return;
	if (!suspend_commit_asked_) {
		suspend_commit_asked_ = true;
		new (&suspend_commit_.durable) Event;
		SpinGuard guard(origin_->lock());
		snapshot_->commits().wait(suspend_commit_);
	}
	/*
	 * The COW device may be suspended itself, or hang.  Whoever gives up loses nothing:
	 * what was flushed is durable, the rest follows when the device answers.
	 */
	suspend_commit_asked_ =
		suspend_commit_.durable.wait_killable("recording a suspended snapshot's writes");
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
