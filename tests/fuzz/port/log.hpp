// SPDX-License-Identifier: GPL-2.0-only
/* The core's log.  With DMSNAP_LOG in the environment it is printed as well. */
#pragma once

#include <cstddef>

namespace dmsnap::fuzz {

struct LogCounters {
	/* Errors and warnings. */
	size_t complaints = 0;
};

extern LogCounters log_counters;

} // namespace dmsnap::fuzz
