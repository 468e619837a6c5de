// SPDX-License-Identifier: GPL-2.0-only
/* What LVM2 knows and device mapper does not. */
#pragma once

#include <string>

namespace dmsnap::tool {

/*
 * Is a snapshot to be merged into the volume, now or, as it was in use, when it is activated
 * next?  Asks the program lvs; throws a Failure if that cannot tell.  @lvs: a test's own.
 */
bool is_to_be_merged(const std::string &volume_path, const std::string &lvs = {});

} // namespace dmsnap::tool
