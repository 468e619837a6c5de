// SPDX-License-Identifier: GPL-2.0-only
/*
 * SnapshotSet: the snapshots of one origin.  Origin writes walk it under RCU, without a lock.
 *
 * A snapshot keeps its place while it is in the set, and a free place stays in the array.  If the
 * others were moved together, a walk under way could miss one, and let a write through whose old
 * data that snapshot needs.
 *
 * Locking: add() and remove() under the Registry's mutex.
 */
#pragma once

#include <cstddef>

#include "base/atomic.hpp"
#include "base/error.hpp"

namespace dmsnap {

class Snapshot;

class SnapshotSet {
public:
	SnapshotSet() = default;
	~SnapshotSet();
	SnapshotSet(const SnapshotSet &) = delete;
	SnapshotSet &operator=(const SnapshotSet &) = delete;

	/* Context: process, sleeps. */
	Status add(Snapshot &snapshot);
	/* After return no walk sees @snapshot.  Context: process, sleeps. */
	void remove(Snapshot &snapshot);

	/* Calls visit(Snapshot &) for each.  Under RCU, or the Registry's mutex, or in the worker. */
	template <typename Visitor> void for_each(Visitor &&visit) const
	{
		const Places *places = places_.load_acquire();
		if (!places)
			return;
		for (size_t i = 0; i < places->count; i++) {
			if (Snapshot *snapshot = places->at[i].load_acquire())
				visit(*snapshot);
		}
	}

private:
	struct Places {
		size_t count;
		Atomic<Snapshot *> at[];
	};

	Status grow();

	Atomic<Places *> places_;
};

} // namespace dmsnap
