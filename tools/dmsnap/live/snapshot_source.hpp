// SPDX-License-Identifier: GPL-2.0-only
/* SnapshotSource: the source of live snapshots: the machine, or a test's own. */
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "live/live_snapshot.hpp"
#include "live/snapshot_stats.hpp"

namespace dmsnap::tool {

class SnapshotSource {
public:
	/* All of them, by name. */
	virtual std::vector<LiveSnapshot> snapshots() = 0;
	/*
	 * The device of that name, of device mapper's (vg-snap) or LVM2's (vg/snap), or
	 * of that path.  Throws a Failure when there is none.
	 */
	virtual DeviceNumber find(const std::string &name) = 0;
	/* None: its driver has no statistics, or does not answer at present. */
	virtual std::optional<SnapshotStats> stats(DeviceNumber device) = 0;

protected:
	~SnapshotSource() = default;
};

/* The snapshots with these names, or all; throws a Failure for an unknown name. */
std::vector<LiveSnapshot> select_snapshots(SnapshotSource &source,
					   const std::vector<std::string> &names);

} // namespace dmsnap::tool
