// SPDX-License-Identifier: GPL-2.0-only
/* SnapshotSource: where live snapshots come from, the machine or a test. */
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "live/live_snapshot.hpp"
#include "live/snapshot_stats.hpp"

namespace dmsnap::tool {

class SnapshotSource {
public:
	/* All snapshots, sorted by name. */
	virtual std::vector<LiveSnapshot> snapshots() = 0;
	/*
	 * The device with this path, or this name of device mapper (vg-snap) or LVM2 (vg/snap).
	 * Throws a Failure if there is none.
	 */
	virtual DeviceNumber find(const std::string &name) = 0;
	/* None if the driver has no statistics, or does not answer now. */
	virtual std::optional<SnapshotStats> stats(DeviceNumber device) = 0;

protected:
	~SnapshotSource() = default;
};

/* The snapshots with these names, or all; throws a Failure for an unknown name. */
std::vector<LiveSnapshot> select_snapshots(SnapshotSource &source,
					   const std::vector<std::string> &names);

} // namespace dmsnap::tool
