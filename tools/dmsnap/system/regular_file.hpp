// SPDX-License-Identifier: GPL-2.0-only
/* Reads a file that others could have replaced: only if it is a regular file of a sane size. */
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include <sys/stat.h>

namespace dmsnap::tool {

struct RegularFile {
	std::string text;
	struct stat about = {};
};

enum class Link { follow, refuse };

/* None if the name does not exist.  Throws a Failure if it cannot be read completely. */
std::optional<RegularFile> read_regular_file(const std::string &path, Link link);
/* The same, of a longer one only the first @bytes; follows links. */
std::optional<RegularFile> read_beginning(const std::string &path, size_t bytes);

} // namespace dmsnap::tool
