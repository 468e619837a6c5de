// SPDX-License-Identifier: GPL-2.0-only
#include "system/regular_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "system/failure.hpp"

namespace dmsnap::tool {
namespace {

/* More than any of these files is long. */
constexpr size_t bytes_max = 16 << 20;

/* Returns what went wrong; empty if nothing did. */
std::string read_first(int descriptor, size_t bytes, RegularFile &file)
{
	char piece[16384];
	ssize_t got = 1;

	if (fstat(descriptor, &file.about) != 0)
		return std::strerror(errno);
	if (!S_ISREG(file.about.st_mode))
		return "it is no regular file";
	while (file.text.size() < bytes && got > 0) {
		got = read(descriptor, piece, std::min(sizeof(piece), bytes - file.text.size()));
		if (got > 0)
			file.text.append(piece, static_cast<size_t>(got));
	}
	return got < 0 ? std::strerror(errno) : "";
}

std::optional<RegularFile> read_file(const std::string &path, int flags, size_t bytes,
				     bool may_be_longer)
{
	/* Do not wait for the other end of a FIFO. */
	int descriptor = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | flags);
	if (descriptor < 0 && errno == ENOENT)
		return {};

	RegularFile file;
	std::string trouble;
	if (descriptor < 0) {
		trouble = std::strerror(errno);
	} else {
		trouble = read_first(descriptor, may_be_longer ? bytes : bytes + 1, file);
		close(descriptor);
	}
	if (trouble.empty() && !may_be_longer && file.text.size() > bytes)
		trouble = "it is too large";
	if (!trouble.empty())
		throw Failure(fmt::format("{}: cannot be read: {}", path, trouble));
	return file;
}

} // namespace

std::optional<RegularFile> read_regular_file(const std::string &path, Link link)
{
	return read_file(path, link == Link::refuse ? O_NOFOLLOW : 0, bytes_max, false);
}

std::optional<RegularFile> read_beginning(const std::string &path, size_t bytes)
{
	return read_file(path, 0, bytes, true);
}

} // namespace dmsnap::tool
