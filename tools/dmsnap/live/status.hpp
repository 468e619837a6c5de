// SPDX-License-Identifier: GPL-2.0-only
/* dmsnap status, for any source of snapshots. */
#pragma once

#include "cli/commands.hpp"
#include "live/snapshot_source.hpp"

namespace dmsnap::tool {

ExitCode status(const StatusOptions &options, SnapshotSource &source);

} // namespace dmsnap::tool
