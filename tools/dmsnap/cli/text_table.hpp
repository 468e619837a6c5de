// SPDX-License-Identifier: GPL-2.0-only
/* TextTable: rows of words as lines, each column as wide as its widest word. */
#pragma once

#include <string>
#include <vector>

namespace dmsnap::tool {

class TextTable {
public:
	/* A title that begins with a blank aligns its column to the right. */
	explicit TextTable(std::vector<std::string> titles) : rows_{std::move(titles)} {}

	void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
	/* The titles come first. */
	std::vector<std::string> lines() const;

private:
	std::vector<std::vector<std::string>> rows_;
};

} // namespace dmsnap::tool
