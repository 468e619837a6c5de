// SPDX-License-Identifier: GPL-2.0-only
/*
 * Target: one target instance of dm core, with what the core's port calls ask for. mapped.hpp
 * makes them; a test of one part makes its own.
 */
#pragma once

#include <dmsnap/port/log.h>

struct dmsnap_target {
	/* Length of the table. */
	uint64_t sectors = 0;
	bool read_only = false;
	/* The mapped device's; nullptr: never suspended. */
	const bool *suspended = nullptr;
	/* Number of dmsnap_port_target_event(). */
	unsigned int events = 0;
	/* One of the events was DMSNAP_EVENT_INVALID. */
	bool invalid = false;
};

namespace dmsnap::user {

using Target = ::dmsnap_target;

} // namespace dmsnap::user
