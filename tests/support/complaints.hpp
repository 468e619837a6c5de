// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <vector>

#include "user/world.hpp"

namespace dmsnap::test {

/*
 * The errors and warnings in the log.  Leaves out the line after a refused store that points
 * to the tools.
 */
inline std::vector<std::string> complaints(const user::World &world)
{
	std::vector<std::string> lines;
	for (const std::string &line : world.log())
		if (!line.starts_with("info") && line.find("'dmsnap check'") == line.npos)
			lines.push_back(line);
	return lines;
}

} // namespace dmsnap::test
