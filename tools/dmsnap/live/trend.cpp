// SPDX-License-Identifier: GPL-2.0-only
#include "live/trend.hpp"

#include <algorithm>
#include <utility>

namespace dmsnap::tool {
namespace {

/*
 * Enough samples for a rate that does not jump with each flush, and few enough to follow changes.
 */
constexpr size_t looks_max = 10;
/* One for each column of the sparkline. */
constexpr size_t used_max = 12;

} // namespace

std::vector<TrendRow> Trends::add(double seconds, std::span<const LiveSnapshot> snapshots)
{
	std::vector<TrendRow> rows;
	std::map<DeviceNumber, History> kept;
	for (const LiveSnapshot &snapshot : snapshots) {
		History &history = kept[snapshot.device];
		if (auto known = histories_.find(snapshot.device); known != histories_.end())
			history = std::move(known->second);
		rows.push_back({snapshot, add(history, seconds, snapshot)});
	}
	/* Snapshots that are gone are forgotten, because their device numbers may be reused. */
	histories_ = std::move(kept);
	return rows;
}

Trend Trends::add(History &history, double seconds, const LiveSnapshot &snapshot)
{
	if (!snapshot.usage) {
		history = History();
		return {};
	}
	const CowUsage &usage = *snapshot.usage;
	uint64_t now = snapshot.is_merge ? usage.unmerged() : usage.used;
	/* The store or the direction has changed: earlier samples predict nothing. */
	bool turned = !history.looks.empty() &&
		      (snapshot.is_merge ? now > history.looks.back().sectors
					 : now < history.looks.back().sectors);
	if (turned || history.is_merge != snapshot.is_merge || history.cow != snapshot.cow)
		history = History();
	history.is_merge = snapshot.is_merge;
	history.cow = snapshot.cow;
	history.to_merge = std::max(history.to_merge, now);
	history.looks.push_back({seconds, now});
	if (history.looks.size() > looks_max)
		history.looks.pop_front();

	history.used.push_back(now);
	if (history.used.size() > used_max)
		history.used.pop_front();

	Trend trend;
	trend.used.assign(history.used.begin(), history.used.end());
	if (snapshot.is_merge)
		trend.merged = history.to_merge
				       ? 1 - static_cast<double>(now) /
							 static_cast<double>(history.to_merge)
				       : 1;
	const Look &first = history.looks.front();
	double took = seconds - first.seconds;
	if (took <= 0)
		return trend;
	uint64_t moved = snapshot.is_merge ? first.sectors - now : now - first.sectors;
	uint64_t left = snapshot.is_merge ? now : usage.left();
	double rate = static_cast<double>(moved) / took;
	trend.sectors_per_second = rate;
	if (rate > 0)
		trend.seconds_left = static_cast<double>(left) / rate;
	return trend;
}

} // namespace dmsnap::tool
