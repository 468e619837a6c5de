// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "base/worker.hpp"

namespace dmsnap {

/*
 * What a target has left behind when its process was killed, with I/O under way on the
 * COW device.  The task runs on the registry's reaper and destroys it.
 */
struct Orphan : Task {
	Orphan(Function bury, uint64_t cow) : Task(bury), cow_id(cow) {}

	uint64_t cow_id;
	ListHook orphan_link;
};

} // namespace dmsnap
