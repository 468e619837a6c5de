// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events: reports events of a snapshot to dm.  That may wait for memory and for dm's locks, so
 * the snapshot's worker does it.  The target may go away before the snapshot, when a removal
 * stops waiting for I/O (target/removal.cpp).
 */
#pragma once

#include <dmsnap/core.h>

#include "base/atomic.hpp"
#include "base/guard.hpp"
#include "base/worker.hpp"

namespace dmsnap {

class Snapshot;

class Events {
public:
	Events(Snapshot &snapshot, dmsnap_target *target) : snapshot_(snapshot), target_(target) {}

	/* Raises @event from the worker, which wakes waiters for an event of the device. */
	void post(dmsnap_target_event event) DMSNAP_MUST_HOLD(origin_lock);
	/* Raises @event now.  Worker, no lock held. */
	void raise(dmsnap_target_event event);

	/* nullptr: the target has gone, and events are dropped. */
	dmsnap_target *target() const { return target_.load_acquire(); }
	/*
	 * The target gets no more events once this returns.  Context: process, sleeps; not on the
	 * worker.
	 */
	void forget_target();
	/* No event may be posted any more.  Context: process, sleeps; not on the worker. */
	void stop();

private:
	void raise_posted();

	Snapshot &snapshot_;
	Atomic<dmsnap_target *> target_;
	bool posted_ DMSNAP_GUARDED_BY(origin_lock) = false;
	/* The last event, if several are posted together. */
	dmsnap_target_event event_ DMSNAP_GUARDED_BY(origin_lock) = {};
	/* Events being raised now, and what to set when there are none left. */
	unsigned int telling_ DMSNAP_GUARDED_BY(origin_lock) = 0;
	Event *told_ DMSNAP_GUARDED_BY(origin_lock) = nullptr;
	MethodTask<Events, &Events::raise_posted> task_{*this};
};

} // namespace dmsnap
