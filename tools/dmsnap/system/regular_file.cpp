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

[[noreturn]] void cannot_read(const std::string &path, const std::string &trouble)
{
	throw Failure(fmt::format("{}: cannot be read: {}", path, trouble));
}

std::optional<RegularFile> read_file(const std::string &path, int flags, size_t bytes)
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
		trouble = read_first(descriptor, bytes, file);
		close(descriptor);
	}
	if (!trouble.empty())
		cannot_read(path, trouble);
	return file;
}

} // namespace

std::optional<RegularFile> read_regular_file(const std::string &path, Link link)
{
	std::optional<RegularFile> file =
		read_file(path, link == Link::refuse ? O_NOFOLLOW : 0, bytes_max + 1);
	if (file && file->text.size() > bytes_max)
		cannot_read(path, "it is too large");
	return file;
}

std::optional<RegularFile> read_beginning(const std::string &path, size_t bytes)
{
	return read_file(path, 0, bytes);
}

} // namespace dmsnap::tool
