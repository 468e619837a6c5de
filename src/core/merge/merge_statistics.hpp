// SPDX-License-Identifier: GPL-2.0-only
/* A merge's counters for the message "stats".  Times are in microseconds.  The origin's worker. */
#pragma once

#include <cstdint>

#include "base/histogram.hpp"

namespace dmsnap {

struct MergeStatistics {
	uint64_t chunks = 0;
	uint64_t failures = 0;
	/* Time that each batch took, and its chunks. */
	Histogram batch_us;
	Histogram batch_chunks;
};

} // namespace dmsnap
