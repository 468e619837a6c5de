// SPDX-License-Identifier: GPL-2.0-only
/* How full a COW device is, from a line of "dmsetup status". */
#pragma once

#include <string>

#include "live/live_snapshot.hpp"

namespace dmsnap::tool {

/*
 * Takes the whole line or only what follows the target's name.  Throws a Failure
 * for another line; code findings where it says Invalid, Overflow or Merge failed.
 * Metadata is ignored.
 */
CowUsage parse_status(const std::string &line);

} // namespace dmsnap::tool
