// SPDX-License-Identifier: GPL-2.0-only
#include "status_sample.hpp"

#include <cstdio>
#include <sstream>

#include <fmt/format.h>

#include "failure.hpp"

namespace dmsnap::tool {

CowUsage parse_status(const std::string &line)
{
	for (const char *word : {"Invalid", "Overflow", "Merge failed"}) {
		if (line.find(word) != std::string::npos)
			throw Failure(fmt::format("the snapshot is not in use any more: {}", word),
				      ExitCode::findings);
	}
	std::istringstream words(line);
	std::string word;
	while (words >> word) {
		unsigned long long allocated = 0, total = 0;
		int read = 0;
		if (std::sscanf(word.c_str(), "%llu/%llu%n", &allocated, &total, &read) == 2 &&
		    word.size() == static_cast<size_t>(read) && total)
			return {.used = allocated, .total = total};
	}
	throw Failure(
		fmt::format("\"{}\" is not the status of a snapshot, like \"16/2048 16\"", line));
}

} // namespace dmsnap::tool
