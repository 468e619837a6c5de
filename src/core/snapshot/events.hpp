// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events: what dm is told of a snapshot.  That waits for memory and for locks of dm's, so the
 * snapshot's worker does it.  The target may go before the snapshot: when its removal is given
 * up (target/removal.cpp).
 *
 * Locking: the origin's lock.
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

	/* Wakes who waits for an event of the device, soon.  lock. */
	void post(dmsnap_target_event event);
	/* At once.  Worker, no lock held. */
	void raise(dmsnap_target_event event);

	/* nullptr: it has gone, and nobody is to be told of anything. */
	dmsnap_target *target() const { return target_.load_acquire(); }
	/* It is told of nothing any more.  Context: process, sleeps; not on the worker. */
	void forget_target();
	/* None may be posted any more.  Context: process, sleeps; not on the worker. */
	void stop();

private:
	void raise_posted();

	Snapshot &snapshot_;
	Atomic<dmsnap_target *> target_;
	bool posted_ = false;
	/* The last one, if several come together. */
	dmsnap_target_event event_ = {};
	/* That the target is being told of; set when there are none. */
	unsigned int telling_ = 0;
	Event *told_ = nullptr;
	MethodTask<Events, &Events::raise_posted> task_{*this};
};

} // namespace dmsnap
