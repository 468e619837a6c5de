// SPDX-License-Identifier: GPL-2.0-only
#include "text_table.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace dmsnap::tool {

std::vector<std::string> TextTable::lines() const
{
	const std::vector<std::string> &titles = rows_.front();
	std::vector<size_t> widths(titles.size());
	for (const std::vector<std::string> &row : rows_) {
		for (size_t i = 0; i < row.size(); i++)
			widths[i] = std::max(widths[i], row[i].size());
	}
	std::vector<std::string> lines;
	for (const std::vector<std::string> &row : rows_) {
		std::string line;
		for (size_t i = 0; i < row.size(); i++) {
			line += line.empty() ? "" : "  ";
			line += titles[i].starts_with(' ')
					? fmt::format("{:>{}}", row[i], widths[i])
					: fmt::format("{:<{}}", row[i], widths[i]);
		}
		line.erase(line.find_last_not_of(' ') + 1);
		lines.push_back(std::move(line));
	}
	return lines;
}

} // namespace dmsnap::tool
