// SPDX-License-Identifier: GPL-2.0-only
/* What a file holds that somebody else may have put there: only if it is a file, and not huge. */
#pragma once

#include <optional>
#include <string>

#include <sys/stat.h>

namespace dmsnap::tool {

struct RegularFile {
	std::string text;
	struct stat about = {};
};

enum class Link { follow, refuse };

/* None: there is nothing of that name.  Throws a Failure if it cannot be read completely. */
std::optional<RegularFile> read_regular_file(const std::string &path, Link link);

} // namespace dmsnap::tool
