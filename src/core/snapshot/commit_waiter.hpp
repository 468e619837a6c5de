// SPDX-License-Identifier: GPL-2.0-only
/* CommitWaiter: waits until what a CommitQueue holds is durable. */
#pragma once

#include "base/error.hpp"
#include "base/guard.hpp"
#include "base/list.hpp"

namespace dmsnap {

struct CommitWaiter {
	/*
	 * @flushed: the COW device was flushed after the wait began, so data that needed no new
	 * entry is durable too.  Context: worker.
	 */
	using Done = void (*)(CommitWaiter &, Status status, bool flushed);

	explicit CommitWaiter(Done function) : done(function) {}

	Done done;
	ListHook link;
};

/* A waiter that sleeps.  Context: process; not on the worker. */
struct SyncCommit : CommitWaiter {
	SyncCommit()
	    : CommitWaiter([](CommitWaiter &waiter, Status result, bool with_flush) {
		      auto &commit = static_cast<SyncCommit &>(waiter);
		      commit.status = result;
		      commit.flushed = with_flush;
		      commit.durable.set();
	      })
	{
	}

	Status status;
	bool flushed = false;
	Event durable;
};

} // namespace dmsnap
