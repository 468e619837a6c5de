// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registry: the origins of the module, one for each device that targets refer
 * to, and the mutex under which snapshots join, leave and hand over.
 */
#pragma once

#include "base/guard.hpp"
#include "origin/origin.hpp"

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
};

/* Between Registry::open() and close(). */
Registry &registry();

} // namespace dmsnap
