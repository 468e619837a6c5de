// SPDX-License-Identifier: GPL-2.0-only
#include "system/regular_file.hpp"

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
std::string read_whole(int descriptor, RegularFile &file)
{
	char piece[4096];
	ssize_t got;

	if (fstat(descriptor, &file.about) != 0)
		return std::strerror(errno);
	if (!S_ISREG(file.about.st_mode))
		return "it is no regular file";
	while ((got = read(descriptor, piece, sizeof(piece))) > 0) {
		file.text.append(piece, static_cast<size_t>(got));
		if (file.text.size() > bytes_max)
			return "it is too large";
	}
	return got < 0 ? std::strerror(errno) : "";
}

} // namespace

std::optional<RegularFile> read_regular_file(const std::string &path, Link link)
{
	/* Do not wait for the other end of a FIFO. */
	int descriptor = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC |
						    (link == Link::refuse ? O_NOFOLLOW : 0));
	if (descriptor < 0 && errno == ENOENT)
		return {};

	RegularFile file;
	std::string trouble;
	if (descriptor < 0) {
		trouble = std::strerror(errno);
	} else {
		trouble = read_whole(descriptor, file);
		close(descriptor);
	}
	if (!trouble.empty())
		throw Failure(fmt::format("{}: cannot be read: {}", path, trouble));
	return file;
}

} // namespace dmsnap::tool
