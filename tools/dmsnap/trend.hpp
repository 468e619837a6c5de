// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trends: how fast COW devices fill, or merges get on, from one look at the
 * snapshots to the next; and when that comes to its end.
 */
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "live_snapshot.hpp"

namespace dmsnap::tool {

struct Trend {
	/* Of new use; of a merge: brought to the origin.  Unknown at the first look. */
	std::optional<double> sectors_per_second = {};
	/* Until it is full, or merged; unknown while nothing moves. */
	std::optional<double> seconds_left = {};
	/* From 0 to 1: of what there was to merge when it was first looked at. */
	std::optional<double> merged = {};
	/* What was used at the last looks, the oldest one first: sectors. */
	std::vector<uint64_t> used = {};
};

struct TrendRow {
	LiveSnapshot snapshot;
	Trend trend;
};

class Trends {
public:
	/* @seconds: of any clock that goes forward. */
	std::vector<TrendRow> add(double seconds, std::span<const LiveSnapshot> snapshots);

private:
	struct Look {
		double seconds;
		uint64_t sectors;
	};
	/* The last looks at one snapshot. */
	struct History {
		bool is_merge = false;
		DeviceNumber cow;
		uint64_t to_merge = 0;
		std::deque<Look> looks;
		std::deque<uint64_t> used;
	};

	static Trend add(History &history, double seconds, const LiveSnapshot &snapshot);

	std::map<DeviceNumber, History> histories_;
};

} // namespace dmsnap::tool
