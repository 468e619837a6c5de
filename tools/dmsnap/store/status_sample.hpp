// SPDX-License-Identifier: GPL-2.0-only
/* How full a COW device is, from a line of "dmsetup status". */
#pragma once

#include <string>

#include "live/live_snapshot.hpp"

namespace dmsnap::tool {

/*
 * Parses the whole line, or what follows the target's name.  Throws a Failure for another line;
 * its code is findings if the status is Invalid, Overflow or Merge failed.  Ignores the metadata.
 */
CowUsage parse_status(const std::string &line);

} // namespace dmsnap::tool
