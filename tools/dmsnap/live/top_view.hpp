// SPDX-License-Identifier: GPL-2.0-only
/* The views of "dmsnap top": snapshots and their trends as lines of text. */
#pragma once

#include <ctime>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "live/snapshot_stats.hpp"
#include "live/trend.hpp"

namespace dmsnap::tool {

enum class TopOrder { name, full };

void sort_rows(std::span<TrendRow> rows, TopOrder order);

/*
 * The titles, then a line for each row.  @columns: the width of the terminal.  If it is too narrow,
 * columns are left out: first the curve, then the bar, at last the state; never the name, the
 * percentage and the time left.
 */
std::vector<std::string> top_lines(std::span<const TrendRow> rows, size_t columns, std::time_t now);

/* All details of one snapshot.  @stats: none if its driver has no statistics. */
std::vector<std::string> detail_lines(const TrendRow &row,
				      const std::optional<SnapshotStats> &stats);

} // namespace dmsnap::tool
