// SPDX-License-Identifier: GPL-2.0-only
#include "handover/handover.hpp"

#include <dmsnap/port/log.h>

#include "origin/registry.hpp"
#include "snapshot/snapshot.hpp"

namespace dmsnap::handover {

namespace {

/* Those with the same COW device. */
struct Sharers {
	Snapshot *source = nullptr;
	Snapshot *destination = nullptr;
	unsigned int count = 0;
};

Sharers sharers_of(const Snapshot &snapshot)
{
	Sharers sharers;
	const_cast<Snapshot &>(snapshot).origin().snapshots().for_each([&](Snapshot &other) {
		if (other.cow_id() != snapshot.cow_id())
			return;
		(other.active() ? sharers.source : sharers.destination) = &other;
		sharers.count++;
	});
	return sharers;
}

void take_over(Snapshot &destination, Snapshot &source)
{
	Origin &origin = destination.origin();

	origin.freeze();
	source.drain();
	{
		SpinGuard guard(origin.lock());
		destination.take_over(source);
	}
	origin.thaw();
}

} // namespace

NewRole role_of_new(const Snapshot &snapshot)
{
	Sharers sharers = sharers_of(snapshot);
	if (sharers.count == 0)
		return NewRole::independent;
	return sharers.count == 1 && sharers.source ? NewRole::destination : NewRole::refused;
}

int preresume(Snapshot &snapshot)
{
	MutexGuard guard(registry().mutex());
	Sharers sharers = sharers_of(snapshot);

	if (!sharers.source || !sharers.destination)
		return 0;
	if (&snapshot == sharers.source) {
		dmsnap_port_log(DMSNAP_LOG_ERROR,
				"Unable to resume snapshot source until handover completes.");
		return to_errno(Error::handover_order);
	}
	if (!dmsnap_port_target_suspended(sharers.source->target())) {
		dmsnap_port_log(DMSNAP_LOG_ERROR,
				"Unable to perform snapshot handover until source is suspended.");
		return to_errno(Error::handover_order);
	}
	return 0;
}

void resume(Snapshot &snapshot)
{
	MutexGuard guard(registry().mutex());
	Sharers sharers = sharers_of(snapshot);

	if (sharers.source && sharers.destination == &snapshot)
		take_over(snapshot, *sharers.source);
	snapshot.activate();
}

void leaving(Snapshot &snapshot)
{
	Sharers sharers = sharers_of(snapshot);

	if (sharers.source == &snapshot && sharers.destination &&
	    sharers.destination->awaits_handover()) {
		sharers.destination->cancel_handover();
		dmsnap_port_log(DMSNAP_LOG_ERROR, "Cancelling snapshot handover.");
	}
}

} // namespace dmsnap::handover
