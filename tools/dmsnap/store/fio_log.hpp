// SPDX-License-Identifier: GPL-2.0-only
/*
 * The writes in fio's logs: --write_iolog (versions 2 and 3), and the logs of single I/Os
 * (--write_bw_log, --write_lat_log) with --log_offset=1.
 */
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>

namespace dmsnap::tool {

struct FioWrite {
	/* The number of the file in the log, from 0 on. */
	uint64_t file = 0;
	uint64_t offset = 0;
	uint64_t length = 0;
};

/*
 * Calls @write for each write and discard.  Throws a Failure for another format, or for a log
 * without offsets.
 */
void read_fio_log(FILE *file, const std::function<void(const FioWrite &)> &write);

} // namespace dmsnap::tool
