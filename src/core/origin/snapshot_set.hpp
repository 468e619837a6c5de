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

	class Iterator;
	struct End {};
	/* For loops over the snapshots.  Under RCU, or the Registry's mutex, or in the worker. */
	Iterator begin() const;
	End end() const { return {}; }
	bool empty() const;

private:
	struct Places {
		size_t count;
		Atomic<Snapshot *> at[];
	};

	Status grow();

	Atomic<Places *> places_;
};

class SnapshotSet::Iterator {
public:
	explicit Iterator(const Places *places) : places_(places) { find(); }

	Snapshot &operator*() const { return *snapshot_; }
	Iterator &operator++()
	{
		find();
		return *this;
	}
	bool operator!=(End) const { return snapshot_ != nullptr; }

private:
	void find()
	{
		snapshot_ = nullptr;
		while (places_ && !snapshot_ && next_ < places_->count)
			snapshot_ = places_->at[next_++].load_acquire();
	}

	const Places *places_;
	size_t next_ = 0;
	Snapshot *snapshot_ = nullptr;
};

inline SnapshotSet::Iterator SnapshotSet::begin() const
{
	return Iterator(places_.load_acquire());
}

inline bool SnapshotSet::empty() const
{
	return !(begin() != end());
}

} // namespace dmsnap
