// SPDX-License-Identifier: GPL-2.0-only
/*
 * SnapshotTarget: its end.
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
#include <dmsnap/port/log.h>

#include "target/handover.hpp"
#include "target/registry.hpp"
#include "target/snapshot_target.hpp"

namespace dmsnap {

SnapshotTarget::Remains::Remains(SnapshotTarget &of)
    : Orphan([](Task &task) { Owned<SnapshotTarget> gone(&static_cast<Remains &>(task).target); },
	     of.snapshot().cow_id()),
      target(of)
{
}

void SnapshotTarget::destroy(Owned<SnapshotTarget> target)
{
	target->leave();
	/* A merge was stopped, and waited for, when its device was suspended. */
	if (target->merges() || target->wait_until_unused() || !target->detach())
		return;
	Remains &remains = *target->remains_;
	target.release();
	registry().adopt(remains);
}

/* Nobody can find the snapshot any more, and nothing new is begun. */
void SnapshotTarget::leave()
{
	if (std::exchange(left_, true) || !snapshot_)
		return;
	handover::leaving(*this);
	snapshot_->leave();
}

/* False: the process was killed before. */
bool SnapshotTarget::wait_until_unused()
{
	if (!snapshot_ || snapshot_->drain_killable("a removed snapshot"))
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
bool SnapshotTarget::detach()
{
	auto remains = make_owned<Remains>(*this);
	if (!remains || dmsnap_port_device_detach(target_, cow_device_))
		return false;
	/* Other snapshots' copies may read the origin through this one. */
	if (dmsnap_port_device_detach(target_, origin_device_))
		return false;
	remains_ = std::move(*remains);
	target_ = nullptr;
	snapshot_->events().forget_target();
	return true;
}

SnapshotTarget::~SnapshotTarget()
{
	leave();
	if (merger_)
		merger_->stop();
	if (snapshot_) {
		snapshot_->drain();
		/* Whoever was killed in a suspend is in the queue still, and needs no I/O now. */
		if (suspend_commit_asked_)
			suspend_commit_.durable.wait();
		snapshot_->stop();
	}
	/* The COW device is nobody's now. */
	if (remains_)
		registry().forget(*remains_);
	merger_.reset();
	snapshot_.reset();
	origin_.reset();
	if (cow_device_)
		dmsnap_port_device_close(target_, cow_device_);
	if (origin_device_)
		dmsnap_port_device_close(target_, origin_device_);
}

} // namespace dmsnap
