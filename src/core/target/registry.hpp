// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registry: the origins of the module, one for each device that targets refer to, and the mutex
 * under which snapshots join, leave and hand over their stores.
 */
#pragma once

#include "base/guard.hpp"
#include "origin/origin.hpp"
#include "target/orphan.hpp"
#include "target/snapshot_target.hpp"

namespace dmsnap {

class Registry {
public:
	/* Called when the module is loaded and unloaded.  They sleep. */
	static Status open();
	static void close();

	/* Returns the origin over @device with a new reference.  Sleeps. */
	Result<Origin *> get(dmsnap_device *device);
	/* Drops a reference; the last one frees the origin.  Sleeps. */
	void put(Origin *origin);

	/* Takes ownership of an orphan, and buries it as soon as possible.  Sleeps. */
	void adopt(Orphan &orphan);
	/* The orphan no longer uses its COW device, and bury() is about to end.  Sleeps. */
	void forget(Orphan &orphan);
	/* Does an orphan use this COW device? */
	bool any_orphan(uint64_t cow_id) const DMSNAP_MUST_HOLD(mutex_);

	/* The snapshots in the sets of all origins. */
	using Snapshots = List<SnapshotTarget, &SnapshotTarget::registry_link>;
	Snapshots &snapshots() DMSNAP_MUST_HOLD(mutex_) { return snapshots_; }

	/* Held while the set of snapshots of any origin changes, or the role of a snapshot. */
	Mutex &mutex() DMSNAP_RETURNS(mutex_) { return mutex_; }

private:
	struct Entry {
		Owned<Origin> origin;
		size_t references = 1;
		ListHook link;
	};

	Mutex mutex_{DMSNAP_LOCK_REGISTRY};
	List<Entry, &Entry::link> entries_ DMSNAP_GUARDED_BY(mutex_);
	Snapshots snapshots_ DMSNAP_GUARDED_BY(mutex_);
	List<Orphan, &Orphan::orphan_link> orphans_ DMSNAP_GUARDED_BY(mutex_);
	/* Frees orphans, as a worker cannot free itself. */
	Owned<Worker> reaper_;
};

/* Between Registry::open() and close(). */
Registry &registry();

} // namespace dmsnap
