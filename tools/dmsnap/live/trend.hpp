// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trends: how fast COW devices fill or merges progress, from successive samples, and when they
 * will be done.
 */
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "live/live_snapshot.hpp"

namespace dmsnap::tool {

struct Trend {
	/* Growth of the usage or, for a merge, what was merged.  Unknown at the first sample. */
	std::optional<double> sectors_per_second = {};
	/* The time until it is full or merged; unknown while nothing moves. */
	std::optional<double> seconds_left = {};
	/* From 0 to 1: the part that was merged since the first sample. */
	std::optional<double> merged = {};
	/* The usage at the last samples in sectors, oldest first. */
	std::vector<uint64_t> used = {};
};

struct TrendRow {
	LiveSnapshot snapshot;
	Trend trend;
};

class Trends {
public:
	/* @seconds: from any monotonic clock. */
	std::vector<TrendRow> add(double seconds, std::span<const LiveSnapshot> snapshots);

private:
	struct Look {
		double seconds;
		uint64_t sectors;
	};
	/* The last samples of one snapshot. */
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
