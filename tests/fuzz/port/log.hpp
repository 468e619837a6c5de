// SPDX-License-Identifier: GPL-2.0-only
/* The core's log.  It is printed too if DMSNAP_LOG is in the environment. */
#pragma once

#include <cstddef>

namespace dmsnap::fuzz {

struct LogCounters {
	/* The number of errors and warnings. */
	size_t complaints = 0;
};

extern LogCounters log_counters;

} // namespace dmsnap::fuzz
