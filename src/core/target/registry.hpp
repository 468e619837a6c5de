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

	/* The snapshots in the sets of all origins. */
	using Snapshots = List<SnapshotTarget, &SnapshotTarget::registry_link>;
	Snapshots &snapshots() DMSNAP_MUST_HOLD(mutex_) { return snapshots_; }
	/* Takes @target off that list, but its I/O may be under way until it is gone(). */
	void leaves(SnapshotTarget &target) DMSNAP_MUST_HOLD(mutex_);
	/* @target, which has left, no longer uses its COW device.  Sleeps. */
	void gone(SnapshotTarget &target);
	/* Does one that has left use this COW device? */
	bool in_use(uint64_t cow_id) DMSNAP_MUST_HOLD(mutex_);

	/*
	 * A worker for an orphan.  It is made by the reaper: the process may have been killed, and
	 * the kernel starts no thread for such a process.  Sleeps for a bounded time.
	 */
	Result<Owned<Worker>> worker_for_orphan();
	/* Frees @orphan, whose bury() is about to end.  Context: process. */
	void free(Orphan &orphan) { reaper_->post(orphan.free_task); }

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
	Snapshots leaving_ DMSNAP_GUARDED_BY(mutex_);
	/* Makes the workers of orphans, and frees orphans: a worker cannot free itself. */
	Owned<Worker> reaper_;
};

/* Between Registry::open() and close(). */
Registry &registry();

} // namespace dmsnap
