// SPDX-License-Identifier: GPL-2.0-only
/*
 * A copier's counters, in windows: the pieces of at most 256 KiB in which it copies.  Times are
 * in microseconds.  Worker.
 */
#pragma once

#include "base/histogram.hpp"

namespace dmsnap {

struct CopyStatistics {
	uint64_t read_sectors = 0;
	uint64_t written_sectors = 0;
	/* From the start of the job until the window had its pages. */
	Histogram page_wait_us;
	Histogram read_us;
	/* Until the last write to any COW device has ended. */
	Histogram write_us;
};

} // namespace dmsnap
