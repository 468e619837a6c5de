// SPDX-License-Identifier: GPL-2.0-only
/*
 * Snapshot: its end.
 *
 * Writes that nobody flushed are recorded before the snapshot goes, and copies for the
 * origin may be under way.  The COW device may be suspended meanwhile, or hang: a shutdown
 * that was interrupted leaves such.  So the wait for it ends when the process is killed.
 * I/O cannot be called back.  What it needs stays, as an Orphan: the snapshot, which nobody
 * can find any more, with both devices open by themselves.  It is destroyed when its I/O has
 * ended.
 *
 *   step                                        if we crash after it
 *   1. it leaves the set of snapshots           as for any that is not active: the store
 *                                               is as it was, the origin goes on
 *   2. the wait is given up                     the same; what was flushed is durable
 *   3. its I/O ends, some time                  what was acknowledged is recorded too
 *
 * Until step 3 no table over the COW device is loaded: a write under way could reach it
 * behind those of the next owner.
 */
#include <new>

#include <dmsnap/port/log.h>

#include "handover/handover.hpp"
#include "origin/registry.hpp"
#include "snapshot/snapshot.hpp"

namespace dmsnap {

Snapshot::Remains::Remains(Snapshot &of)
    : Orphan([](Task &task) { Owned<Snapshot> gone(&static_cast<Remains &>(task).snapshot); },
	     of.cow_id()),
      snapshot(of)
{
}

void Snapshot::destroy(Owned<Snapshot> snapshot)
{
	snapshot->leave();
	/* A merge was stopped, and waited for, when its device was suspended. */
	if (snapshot->merges() || snapshot->wait_until_unused() || !snapshot->detach())
		return;
	Remains &remains = *snapshot->remains_;
	snapshot.release();
	registry().adopt(remains);
}

/* Nobody can find the snapshot any more, and nothing new is begun. */
void Snapshot::leave()
{
	if (std::exchange(left_, true) || !commits_)
		return;
	handover::leaving(*this);
	stall_->stop();
	SpinGuard guard(origin_->lock());
	release_waiters();
}

/* False: the process was killed before. */
bool Snapshot::wait_until_unused()
{
	if (!commits_ || drain_killable("a removed snapshot"))
		return true;
	char cow[DMSNAP_DEVICE_NAME_BYTES];
	dmsnap_port_device_name(cow_device_, cow);
	dmsnap_port_log(
		DMSNAP_LOG_WARNING,
		"the removal of a snapshot was interrupted: COW device %s stays in use until I/O under way there has ended",
		cow);
	return false;
}

/* Makes it independent of the target.  False: it cannot be. */
bool Snapshot::detach()
{
	auto remains = make_owned<Remains>(*this);
	if (!remains || dmsnap_port_device_detach(target(), cow_device_))
		return false;
	/* Other snapshots' copies may read the origin through this one. */
	if (dmsnap_port_device_detach(target(), origin_device_))
		return false;
	remains_ = std::move(*remains);
	/* A flush of the worker would not do: the COW device may have it asleep. */
	Event told;
	{
		SpinGuard guard(origin_->lock());
		target_.store_release(nullptr);
		if (telling_ == 0)
			return true;
		told_ = &told;
	}
	told.wait();
	return true;
}

/* No lock held: events wait for memory and for locks of dm's. */
void Snapshot::tell(dmsnap_target_event event)
{
	dmsnap_target *to;
	{
		SpinGuard guard(origin_->lock());
		to = target();
		if (!to)
			return;
		telling_++;
	}
	dmsnap_port_target_event(to, event);
	SpinGuard guard(origin_->lock());
	if (--telling_ == 0 && told_)
		std::exchange(told_, nullptr)->set();
}

Snapshot::~Snapshot()
{
	leave();
	if (merger_)
		merger_->stop();
	if (commits_) {
		drain();
		/* Whoever was killed in a suspend is in the queue still, and needs no I/O now. */
		if (suspend_commit_asked_)
			suspend_commit_.durable.wait();
		commits_->stop();
		worker_->stop(mark_task_);
		worker_->stop(event_task_);
		/* What dropped the last use of the snapshot may be in its task still. */
		origin_->worker().flush();
		if (store_)
			store_->quiesce();
	}
	if (writes_) {
		writes_->stop();
		SpinGuard guard(origin_->lock());
		if (writes_->holder_link.linked())
			writes_->holder_link.unlink();
		if (writes_->due_link.linked())
			writes_->due_link.unlink();
	}
	/* The COW device is nobody's now. */
	if (remains_)
		registry().forget(*remains_);
	merger_.reset();
	transient_.reset();
	persistent_.reset();
	unusable_.reset();
	stall_.reset();
	commits_.reset();
	writes_.reset();
	regions_.reset();
	worker_.reset();
	origin_.reset();
	if (cow_device_)
		dmsnap_port_device_close(target(), cow_device_);
	if (origin_device_)
		dmsnap_port_device_close(target(), origin_device_);
}

void Snapshot::drain()
{
	Event unused;
	if (tell_when_unused(unused))
		unused.wait();
}

bool Snapshot::drain_killable(const char *whose)
{
	char cow[DMSNAP_DEVICE_NAME_BYTES];
	char what[DMSNAP_DEVICE_NAME_BYTES + 64];
	dmsnap_port_device_name(cow_device_, cow);
	dmsnap_port_format(what, sizeof(what), "I/O of %s on COW device %s", whose, cow);

	Event unused;
	if (tell_when_unused(unused) && unused.wait_killable(what)) {
		/* It may be set at this moment, under the lock. */
		SpinGuard guard(origin_->lock());
		unused_ = nullptr;
		return false;
	}
	return !store_ || !store_->quiesce_killable(what);
}

/* @event is set when nothing of the snapshot is pending.  False: nothing is. */
bool Snapshot::tell_when_unused(Event &event)
{
	SpinGuard guard(origin_->lock());
	if (users_ == 0)
		return false;
	unused_ = &event;
	commits_->hurry();
	return true;
}

/* lock. */
void Snapshot::drop()
{
	if (--users_ == 0 && unused_)
		std::exchange(unused_, nullptr)->set();
}

} // namespace dmsnap
