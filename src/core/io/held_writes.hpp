// SPDX-License-Identifier: GPL-2.0-only
/*
 * HeldWrites: writes that will be examined again, on the worker that may submit them.  The origin
 * has one for writes to its device, and each snapshot has one for its own writes; Io::writes says
 * which one an Io belongs to.
 *
 *   due    what they waited for has ended: all of them are examined
 *   held   they wait for memory, which an operation frees when it ends.  They are examined
 *          in order of arrival, until one must keep waiting: a new write that needs memory
 *          queues after them
 */
#pragma once

#include "base/guard.hpp"
#include "base/worker.hpp"
#include "io/io.hpp"

namespace dmsnap {

class HeldWrites {
public:
	/* Examines a write.  Runs on the worker, no lock held. */
	using Examine = WriteOutcome (*)(HeldWrites &, Io &);

	HeldWrites(OriginLock &lock, Worker &worker, Examine examine)
	    : lock_(lock), worker_(worker), examine_(examine)
	{
	}

	/* @io is examined again after examine_due_soon(). */
	void add_due(Io &io) DMSNAP_MUST_HOLD(origin_lock) { due_.push_back(io); }
	void examine_due_soon() DMSNAP_MUST_HOLD(origin_lock) { worker_.post(due_task_); }
	/* Appends @io; it waits until release(). */
	void hold(Io &io) DMSNAP_MUST_HOLD(origin_lock) { held_.push_back(io); }
	bool any_held() const DMSNAP_MUST_HOLD(origin_lock) { return !held_.empty(); }
	/* Something ended that held writes may be waiting for: examines them soon. */
	void release() DMSNAP_MUST_HOLD(origin_lock) { worker_.post(held_task_); }

	/* The lists must be empty.  Context: process, sleeps; not on the worker. */
	void stop();

	/* Links in the origin's lists of HeldWrites with held and with due writes. */
	ListHook holder_link DMSNAP_GUARDED_BY(origin_lock);
	ListHook due_link DMSNAP_GUARDED_BY(origin_lock);

private:
	void examine_due();
	void examine_held();
	Io *pop_held();

	OriginLock &lock_;
	Worker &worker_;
	Examine examine_;
	Ios due_ DMSNAP_GUARDED_BY(origin_lock);
	Ios held_ DMSNAP_GUARDED_BY(origin_lock);
	MethodTask<HeldWrites, &HeldWrites::examine_due> due_task_{*this};
	MethodTask<HeldWrites, &HeldWrites::examine_held> held_task_{*this};
};

/* HeldWrites that calls a member function of their owner. */
template <typename Owner, WriteOutcome (Owner::*examine)(Io &)>
struct MethodHeldWrites : HeldWrites {
	MethodHeldWrites(Owner &of, OriginLock &lock, Worker &worker)
	    : HeldWrites(lock, worker,
			 [](HeldWrites &writes, Io &io) {
				 auto &self = static_cast<MethodHeldWrites &>(writes);
				 return (self.owner.*examine)(io);
			 }),
	      owner(of)
	{
	}

	Owner &owner;
};

} // namespace dmsnap
