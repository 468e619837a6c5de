// SPDX-License-Identifier: GPL-2.0-only
/* The view of "dmsnap top": snapshots and their trends as lines of text. */
#pragma once

#include <ctime>
#include <span>
#include <string>
#include <vector>

#include "trend.hpp"

namespace dmsnap::tool {

enum class TopOrder { name, full };

void sort_rows(std::span<TrendRow> rows, TopOrder order);

/* The titles, then a line for each row.  @columns: of the terminal; the bar takes what is left. */
std::vector<std::string> top_lines(std::span<const TrendRow> rows, size_t columns, std::time_t now);

} // namespace dmsnap::tool
