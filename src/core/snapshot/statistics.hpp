// SPDX-License-Identifier: GPL-2.0-only
/*
 * A snapshot's counters for the message "stats".  Times are in microseconds.
 */
#pragma once

#include <cstdint>

#include "base/histogram.hpp"

namespace dmsnap {

struct SnapshotStatistics {
	/*
	 * Copy-outs for origin writes: runs, their chunks, and the time until the data is on the
	 * COW device.
	 */
	uint64_t copies = 0;
	uint64_t copied_chunks = 0;
	Histogram copy_us;
	/* How many of these chunks were copied ahead of a stream. */
	uint64_t ahead_chunks = 0;
	/* The same for writes of the snapshot's user to chunks it did not have. */
	uint64_t writes = 0;
	uint64_t written_chunks = 0;
	Histogram write_us;
	/* Commits, and runs in each. */
	Histogram commit_us;
	Histogram commit_runs;
	/* From the commit until the last read of the origin has ended. */
	Histogram readers_us;
};

} // namespace dmsnap
