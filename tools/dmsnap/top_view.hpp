// SPDX-License-Identifier: GPL-2.0-only
/* The views of "dmsnap top": snapshots and their trends as lines of text. */
#pragma once

#include <ctime>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "snapshot_stats.hpp"
#include "trend.hpp"

namespace dmsnap::tool {

enum class TopOrder { name, full };

void sort_rows(std::span<TrendRow> rows, TopOrder order);

/*
 * The titles, then a line for each row.  @columns: of the terminal.  Where there are too few,
 * columns of the table go: first the curve, then the bar, and at last the state; never the
 * name, the percentage and the time left.
 */
std::vector<std::string> top_lines(std::span<const TrendRow> rows, size_t columns, std::time_t now);

/* All that is known of one.  @stats: none where its driver counts nothing. */
std::vector<std::string> detail_lines(const TrendRow &row,
				      const std::optional<SnapshotStats> &stats);

} // namespace dmsnap::tool
