// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "base/worker.hpp"

namespace dmsnap {

/*
 * What a target leaves behind when the process that removes it is killed, with I/O still under
 * way on the COW device.  The task runs on the Registry's reaper and destroys it.
 */
struct Orphan : Task {
	Orphan(Function bury, uint64_t cow) : Task(bury), cow_id(cow) {}

	uint64_t cow_id;
	ListHook orphan_link;
};

} // namespace dmsnap
