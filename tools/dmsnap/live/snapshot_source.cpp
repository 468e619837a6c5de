// SPDX-License-Identifier: GPL-2.0-only
#include "live/snapshot_source.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "system/failure.hpp"

namespace dmsnap::tool {

std::vector<LiveSnapshot> select_snapshots(SnapshotSource &source,
					   const std::vector<std::string> &names)
{
	std::vector<LiveSnapshot> all = source.snapshots();
	if (names.empty())
		return all;
	std::vector<LiveSnapshot> selected;
	for (const std::string &name : names) {
		auto found = std::ranges::find(all, source.find(name), &LiveSnapshot::device);
		if (found == all.end())
			throw Failure(fmt::format("{} is not a snapshot, and none is merged there",
						  name));
		selected.push_back(*found);
	}
	return selected;
}

} // namespace dmsnap::tool
