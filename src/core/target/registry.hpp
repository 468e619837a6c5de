// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registry: the origins of the module, one for each device that targets refer
 * to, and the mutex under which snapshots join, leave and hand over.
 */
#pragma once

#include "base/guard.hpp"
#include "origin/origin.hpp"
#include "target/orphan.hpp"
#include "target/snapshot_target.hpp"

namespace dmsnap {

class Registry {
public:
	/* With the module; sleep. */
	static Status open();
	static void close();

	/* The origin over @device, with one reference more.  Sleeps. */
	Result<Origin *> get(dmsnap_device *device);
	/* Gives a reference back; the last one frees the origin.  Sleeps. */
	void put(Origin *origin);

	/* Takes an orphan on, and has it destroyed as soon as that is possible.  Sleeps. */
	void adopt(Orphan &orphan);
	/* It is about to be destroyed.  Sleeps. */
	void forget(Orphan &orphan);
	/* Is there one that uses this COW device?  The mutex. */
	bool any_orphan(uint64_t cow_id) const;

	/* Those of all origins that are in their sets.  The mutex. */
	using Snapshots = List<SnapshotTarget, &SnapshotTarget::registry_link>;
	Snapshots &snapshots() { return snapshots_; }

	/* Held while the snapshots of any origin change, or their roles. */
	Mutex &mutex() { return mutex_; }

private:
	struct Entry {
		Owned<Origin> origin;
		size_t references = 1;
		ListHook link;
	};

	Mutex mutex_{DMSNAP_LOCK_REGISTRY};
	List<Entry, &Entry::link> entries_;
	Snapshots snapshots_;
	List<Orphan, &Orphan::orphan_link> orphans_;
	/* Nothing else runs there, so it may wait for as long as it takes. */
	Owned<Worker> reaper_;
};

/* Between Registry::open() and close(). */
Registry &registry();

} // namespace dmsnap
