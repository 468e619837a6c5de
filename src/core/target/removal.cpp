// SPDX-License-Identifier: GPL-2.0-only
/*
 * SnapshotTarget: removal.
 *
 * Writes that were not flushed are recorded before the snapshot goes away, and copies for the
 * origin may be under way.  The COW device may be suspended meanwhile, or hang, for example after
 * an interrupted shutdown.  So the wait for this I/O ends if the process is killed.  I/O cannot
 * be cancelled, so what it needs stays, as an Orphan: the snapshot, which nothing can find any
 * more, with its own references to both devices.  It is destroyed when its I/O has ended.
 *
 *   step                                        if we crash after it
 *   1. it leaves the set of snapshots           as for any that is not active: the store
 *                                               is as it was, the origin goes on
 *   2. the wait is interrupted                  the same; what was flushed is durable
 *   3. its I/O ends, at some time               what was acknowledged is recorded too
 *
 * From step 1 to step 3 no table over the COW device can be loaded, whether the wait is interrupted
 * or not: a write still under way could reach the device after writes of the next owner.
 */
#include <dmsnap/port/log.h>

#include "target/handover.hpp"
#include "target/registry.hpp"
#include "target/snapshot_target.hpp"

namespace dmsnap {

Orphan::Orphan(SnapshotTarget &of, Owned<Worker> by) : target(of), worker(std::move(by))
{
}

void Orphan::bury()
{
	Owned<SnapshotTarget> gone(&target);
}

void Orphan::free()
{
	worker->stop(bury_task);
	Owned<Orphan> gone(this);
}

void SnapshotTarget::destroy(Owned<SnapshotTarget> target)
{
	target->leave();
	/* The suspend of a snapshot-merge device stopped its merge, and waited for it. */
	if (target->merges() || target->wait_until_unused() || !target->detach())
		return;
	Orphan &orphan = *target->orphan_;
	target.release();
	orphan.worker->post(orphan.bury_task);
}

/* After this, nothing can find the snapshot any more, and nothing new is begun. */
void SnapshotTarget::leave()
{
	if (std::exchange(left_, true) || !snapshot_)
		return;
	handover::leaving(*this);
	snapshot_->leave();
}

/* Returns false if the process was killed first. */
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

/* Makes it independent of dm's target.  Returns false if that fails. */
bool SnapshotTarget::detach()
{
	auto worker = registry().worker_for_orphan();
	if (!worker)
		return false;
	auto orphan = make_owned<Orphan>(*this, std::move(*worker));
	if (!orphan || dmsnap_port_device_detach(target_, cow_device_))
		return false;
	/* Copies for other snapshots may be reading the origin through this snapshot's device. */
	if (dmsnap_port_device_detach(target_, origin_device_))
		return false;
	orphan_ = orphan->release();
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
		/* A commit of an interrupted suspend may still be queued.  It needs no I/O now. */
		if (suspend_commit_asked_)
			suspend_commit_.durable.wait();
		snapshot_->stop();
	}
	/* Nothing uses the COW device any more: new tables may use it. */
	registry().gone(*this);
	if (orphan_)
		registry().free(*orphan_);
	merger_.reset();
	snapshot_.reset();
	origin_.reset();
	if (cow_device_)
		dmsnap_port_device_close(target_, cow_device_);
	if (origin_device_)
		dmsnap_port_device_close(target_, origin_device_);
}

} // namespace dmsnap
