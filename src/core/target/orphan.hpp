// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "base/own.hpp"
#include "base/worker.hpp"

namespace dmsnap {

class SnapshotTarget;

/*
 * What a target leaves behind when the process that removes it is killed, with I/O still under
 * way on the COW device.  Each has a worker of its own, which waits for that I/O: another
 * orphan's device may answer much later.  It frees itself.
 */
struct Orphan {
	Orphan(SnapshotTarget &of, Owned<Worker> by);

	/* Destroys the target; waits as long as needed.  Own worker. */
	void bury();
	/* Frees the orphan when bury() has ended.  The Registry's reaper. */
	void free();

	SnapshotTarget &target;
	Owned<Worker> worker;
	MethodTask<Orphan, &Orphan::bury> bury_task{*this};
	MethodTask<Orphan, &Orphan::free> free_task{*this};
};

} // namespace dmsnap
