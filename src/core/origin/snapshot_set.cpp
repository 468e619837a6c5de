// SPDX-License-Identifier: GPL-2.0-only
#include "origin/snapshot_set.hpp"

#include <dmsnap/port/lock.h>
#include <dmsnap/port/memory.h>

namespace dmsnap {

SnapshotSet::~SnapshotSet()
{
	dmsnap_port_free(places_.load_relaxed());
}

Status SnapshotSet::add(Snapshot &snapshot)
{
	for (;;) {
		Places *places = places_.load_relaxed();
		for (size_t i = 0; places && i < places->count; i++) {
			if (places->at[i].load_relaxed())
				continue;
			places->at[i].store_release(&snapshot);
			return {};
		}
		DMSNAP_CHECK(grow());
	}
}

Status SnapshotSet::grow()
{
	Places *old = places_.load_relaxed();
	size_t count = old ? old->count * 2 : 4;
	/* Zeroed memory is an array of empty places. */
	auto *places = static_cast<Places *>(
		dmsnap_port_alloc(sizeof(Places) + count * sizeof(Atomic<Snapshot *>)));
	if (!places)
		return fail(Error::no_memory);

	places->count = count;
	for (size_t i = 0; old && i < old->count; i++)
		places->at[i].store_relaxed(old->at[i].load_relaxed());
	places_.store_release(places);
	dmsnap_port_rcu_synchronize();
	dmsnap_port_free(old);
	return {};
}

void SnapshotSet::remove(Snapshot &snapshot)
{
	Places *places = places_.load_relaxed();
	for (size_t i = 0; places && i < places->count; i++) {
		if (places->at[i].load_relaxed() == &snapshot)
			places->at[i].store_release(nullptr);
	}
	dmsnap_port_rcu_synchronize();
}

} // namespace dmsnap
