// SPDX-License-Identifier: GPL-2.0-only
/*
 * CommitWaiter: somebody who waits for what a CommitQueue holds to be durable.
 */
#pragma once

#include "base/error.hpp"
#include "base/list.hpp"

namespace dmsnap {

struct CommitWaiter {
	/*
	 * @flushed: the COW device was flushed after the wait began, so that data
	 * is durable too that needed no entry.
	 * Context: worker.
	 */
	using Done = void (*)(CommitWaiter &, Status status, bool flushed);

	explicit CommitWaiter(Done function) : done(function) {}

	Done done;
	ListHook link;
};

} // namespace dmsnap
