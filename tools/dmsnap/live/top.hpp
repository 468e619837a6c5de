// SPDX-License-Identifier: GPL-2.0-only
/* dmsnap top, for any source of snapshots. */
#pragma once

#include "cli/commands.hpp"
#include "live/snapshot_source.hpp"

namespace dmsnap::tool {

ExitCode top(const TopOptions &options, SnapshotSource &source);

} // namespace dmsnap::tool
