// SPDX-License-Identifier: GPL-2.0-only
/* SnapshotSource: where live snapshots are looked at: the machine, or a test's own. */
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "live_snapshot.hpp"
#include "snapshot_stats.hpp"

namespace dmsnap::tool {

class SnapshotSource {
public:
	/* All there are, by name. */
	virtual std::vector<LiveSnapshot> snapshots() = 0;
	/*
	 * The device of that name, of device mapper's (vg-snap) or LVM2's (vg/snap), or
	 * of that path.  Throws a Failure when there is none.
	 */
	virtual DeviceNumber find(const std::string &name) = 0;
	/* None: its driver counts nothing, or does not answer now. */
	virtual std::optional<SnapshotStats> stats(DeviceNumber device) = 0;

protected:
	~SnapshotSource() = default;
};

/* Those of these names, or all of them; throws a Failure for a name that is of none. */
std::vector<LiveSnapshot> select_snapshots(SnapshotSource &source,
					   const std::vector<std::string> &names);

} // namespace dmsnap::tool
