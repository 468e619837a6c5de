// SPDX-License-Identifier: GPL-2.0-only
/*
 * HeldWrites: writes that are to be examined again, on the worker that may send them on.
 * The origin has one for what goes to its device, each snapshot one for its own writes; an Io
 * says to which it belongs (Io::writes).
 *
 *   due    what they waited for has ended: each is examined, whatever becomes of the others
 *   held   they wait for memory, which any operation gives back when it ends.  They are
 *          examined in the order of their arrival, until one has to go on waiting: a
 *          newcomer that needs memory waits behind them
 *
 * Locking: "lock" is the origin's.
 */
#pragma once

#include "base/guard.hpp"
#include "base/worker.hpp"
#include "io/io.hpp"

namespace dmsnap {

class HeldWrites {
public:
	/* Examines one of its writes; the worker, no lock held. */
	using Examine = WriteOutcome (*)(HeldWrites &, Io &);

	HeldWrites(SpinLock &lock, Worker &worker, Examine examine)
	    : lock_(lock), worker_(worker), examine_(examine)
	{
	}

	/* lock, for all: */

	/* Examined again soon. */
	void add_due(Io &io) { due_.push_back(io); }
	void examine_due_soon() { worker_.post(due_task_); }
	/* At the end, until release(). */
	void hold(Io &io) { held_.push_back(io); }
	bool any_held() const { return !held_.empty(); }
	/* Something has ended that held writes may wait for. */
	void release() { worker_.post(held_task_); }

	/* Nothing may be in it.  Context: process, sleeps; not on the worker. */
	void stop();

	/* On the origin's lists of those that hold something, and that have something due. */
	ListHook holder_link;
	ListHook due_link;

private:
	void examine_due();
	void examine_held();
	Io *pop(Ios &ios);

	SpinLock &lock_;
	Worker &worker_;
	Examine examine_;
	Ios due_;
	Ios held_;
	MethodTask<HeldWrites, &HeldWrites::examine_due> due_task_{*this};
	MethodTask<HeldWrites, &HeldWrites::examine_held> held_task_{*this};
};

/* Whose writes a member function of what they belong to examines. */
template <typename Owner, WriteOutcome (Owner::*examine)(Io &)>
struct MethodHeldWrites : HeldWrites {
	MethodHeldWrites(Owner &of, SpinLock &lock, Worker &worker)
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
