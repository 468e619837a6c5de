// SPDX-License-Identifier: GPL-2.0-only
#include "store/status_sample.hpp"

#include <optional>
#include <sstream>
#include <string_view>

#include <fmt/format.h>

#include "system/failure.hpp"
#include "system/whole_number.hpp"

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
		size_t slash = word.find('/');
		if (slash == std::string::npos)
			continue;
		std::string_view text = word;
		std::optional<uint64_t> used = whole_number(text.substr(0, slash));
		std::optional<uint64_t> total = whole_number(text.substr(slash + 1));
		if (used && total && *total)
			return {.used = *used, .total = *total};
	}
	throw Failure(
		fmt::format("\"{}\" is not the status of a snapshot, like \"16/2048 16\"", line));
}

} // namespace dmsnap::tool
