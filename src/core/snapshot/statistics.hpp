// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a snapshot counts of its own work, for the message "stats".  Times are in
 * microseconds.  Changed and read under the origin's lock.
 */
#pragma once

#include <cstdint>

#include "base/histogram.hpp"

namespace dmsnap {

struct SnapshotStatistics {
	/* Copy-outs for origin writes: runs and their chunks; from begin to data on the COW device. */
	uint64_t copies = 0;
	uint64_t copied_chunks = 0;
	Histogram copy_us;
	/* Of these chunks, copied ahead of a stream. */
	uint64_t ahead_chunks = 0;
	/* Writes of the snapshot's user to chunks it did not have; the same. */
	uint64_t writes = 0;
	uint64_t written_chunks = 0;
	Histogram write_us;
	/* Commits, and runs in each. */
	Histogram commit_us;
	Histogram commit_runs;
	/* From the commit until the last read has left the origin. */
	Histogram readers_us;
};

} // namespace dmsnap
