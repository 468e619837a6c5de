// SPDX-License-Identifier: GPL-2.0-only
/*
 * CommitMessage: the message "commit".  The process that sent it may be killed while the COW device
 * does not answer.  I/O cannot be cancelled, so the object then stays until its I/O has ended.
 *
 * It holds a reference to the snapshot, so a handover and a removal wait for it.
 */
#pragma once

#include "base/continuation.hpp"
#include "base/guard.hpp"
#include "base/own.hpp"
#include "snapshot/commit_waiter.hpp"
#include "snapshot/snapshot.hpp"

namespace dmsnap {

class CommitMessage : CommitWaiter {
public:
	/*
	 * Makes everything written so far durable.  Returns the number of exceptions that the list
	 * has at least from then on.  Context: process; sleeps until the process is killed.
	 */
	static Result<uint64_t> send(Snapshot &snapshot);

	explicit CommitMessage(Snapshot &snapshot);

private:
	Status begin();
	void recorded(Status status, bool flushed);
	void flushed(int error);
	void finish(Status status);

	Snapshot &snapshot_;
	Event ended_;
	Status status_;
	uint64_t exceptions_ = 0;
	/* The process was killed: finish() frees the object. */
	bool abandoned_ DMSNAP_GUARDED_BY(origin_lock) = false;
	bool finished_ DMSNAP_GUARDED_BY(origin_lock) = false;
	Continuation<CommitMessage, &CommitMessage::flushed> flushed_{*this};
};

} // namespace dmsnap
