// SPDX-License-Identifier: GPL-2.0-only
/* Snapshot: teardown.  Its target's part is in target/removal.cpp. */
#include "snapshot/snapshot.hpp"

namespace dmsnap {

void Snapshot::leave()
{
	stall_->stop();
	OriginGuard guard(origin_.lock());
	release_waiters();
}

void Snapshot::stop()
{
	commits_->stop();
	worker_->stop(mark_task_);
	events_.stop();
	/* The task that dropped the last reference to the snapshot may still be running. */
	origin_.worker().flush();
	if (store_)
		store_->quiesce();
	{
		/* From here on nothing posts their tasks. */
		OriginGuard guard(origin_.lock());
		if (writes_->holder_link.linked())
			writes_->holder_link.unlink();
		if (writes_->due_link.linked())
			writes_->due_link.unlink();
	}
	writes_->stop();
}

Snapshot::~Snapshot()
{
	transient_.reset();
	persistent_.reset();
	unusable_.reset();
	stall_.reset();
	commits_.reset();
	writes_.reset();
	regions_.reset();
	worker_.reset();
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
		/* drop() may be setting it right now, under the lock. */
		OriginGuard guard(origin_.lock());
		unused_ = nullptr;
		return false;
	}
	return !store_ || !store_->quiesce_killable(what);
}

/* Sets @event when nothing of the snapshot is pending.  Returns false if nothing is now. */
bool Snapshot::tell_when_unused(Event &event)
{
	OriginGuard guard(origin_.lock());
	if (users_ == 0)
		return false;
	unused_ = &event;
	commits_->hurry();
	return true;
}

void Snapshot::drop()
{
	origin_.lock().assert_held();
	if (--users_ == 0 && unused_)
		std::exchange(unused_, nullptr)->set();
}

} // namespace dmsnap
