// SPDX-License-Identifier: GPL-2.0-only
/* Snapshot: how it becomes invalid. */
#include <dmsnap/port/log.h>

#include "snapshot/snapshot.hpp"

namespace dmsnap {

namespace {

/* The in-tree driver's messages: administrators search the log for them. */
const char *text_of(Snapshot::Failure failure)
{
	return failure == Snapshot::Failure::io
		       ? "Invalidating snapshot: Error reading/writing."
		       : "Invalidating snapshot: Unable to allocate exception.";
}

const char *reason_of(Snapshot::Failure failure)
{
	switch (failure) {
	case Snapshot::Failure::io:
		return "an I/O error";
	case Snapshot::Failure::no_space:
		return "no free chunk";
	case Snapshot::Failure::no_memory:
		break;
	}
	return "no memory";
}

} // namespace

void Snapshot::cut_off()
{
	if (healthy())
		dmsnap_port_log(DMSNAP_LOG_ERROR, "%s", to_text(Error::cow_device_cut_off));
	fail_locked(Failure::io);
}

/*
 * A write of the snapshot's user found no free chunk.  With the "Overflow" option the snapshot
 * stays valid.
 */
void Snapshot::overflow()
{
	if (!store_args_.overflow || !healthy()) {
		fail_locked(Failure::no_space);
		return;
	}
	overflowed_.store_relaxed(true);
	dmsnap_port_log(DMSNAP_LOG_ERROR, "Snapshot overflowed: Unable to allocate exception.");
	events_.post(DMSNAP_EVENT_OVERFLOW);
}

void Snapshot::fail(Failure failure)
{
	OriginGuard guard(origin_.lock());
	fail_locked(failure);
}

void Snapshot::fail_locked(Failure failure)
{
	origin_.lock().assert_held();
	if (!healthy())
		return;
	invalid_reason_ = reason_of(failure);
	invalid_ns_ = dmsnap_port_now_ns();
	dmsnap_port_log(DMSNAP_LOG_ERROR, "%s", text_of(failure));

	char name[DMSNAP_DEVICE_NAME_BYTES];
	dmsnap_port_device_name(cow_device_, name);
	dmsnap_port_log(DMSNAP_LOG_ERROR, "snapshot with COW device %s is invalid: %s", name,
			reason_of(failure));
	begin_mark();
	stall_->look();
	/* Lazy runs are lost.  Fail them now rather than when their timer expires. */
	commits_->hurry();
}

void Snapshot::begin_mark()
{
	health_.store_seq_cst(Health::failing);
	hold();
	worker_->post(mark_task_);
}

void Snapshot::mark_invalid()
{
	store_->mark_invalid(mark_);
}

void Snapshot::marked(InvalidMark &mark)
{
	static_cast<Mark &>(mark).snapshot.marked_invalid(mark.status);
}

void Snapshot::marked_invalid(const Status &status)
{
	if (!status)
		dmsnap_port_log(DMSNAP_LOG_ERROR,
				"cannot mark the snapshot invalid on its COW device: %s",
				to_text(status.error()));
	health_.store_seq_cst(Health::invalid);
	events_.raise(DMSNAP_EVENT_INVALID);

	OriginGuard guard(origin_.lock());
	release_waiters();
	drop();
}

} // namespace dmsnap
