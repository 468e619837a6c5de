// SPDX-License-Identifier: GPL-2.0-only
/* StatusSample: how full a COW device is, from a line of "dmsetup status". */
#pragma once

#include <cstdint>
#include <string>

namespace dmsnap::tool {

struct StatusSample {
	/* At most total_sectors: a full device may have one chunk more in its status. */
	uint64_t allocated_sectors = 0;
	uint64_t total_sectors = 0;
};

/*
 * Takes the whole line or only what follows the target's name.  Throws a Failure
 * for another line; code findings where it says Invalid, Overflow or Merge failed.
 */
StatusSample parse_status(const std::string &line);

} // namespace dmsnap::tool
