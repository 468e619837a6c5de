// SPDX-License-Identifier: GPL-2.0-only
#include "system/state_folder.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>
#include <unistd.h>

#include "system/failure.hpp"
#include "system/needs_root.hpp"
#include "system/new_file.hpp"

namespace dmsnap::tool {

std::string state_folder()
{
	const char *folder = std::getenv("STATE_DIRECTORY");
	return folder ? folder : "/var/lib/dmsnap";
}

void make_folder_of(const std::string &path)
{
	std::error_code error;
	std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
	if (error)
		throw Failure(fmt::format("{}: {}: {}", path,
					  needs_root(error.value()) ? "must be root to make it"
								    : "cannot be made",
					  error.message()));
}

void write_whole(const std::string &path, std::string_view text)
{
	make_folder_of(path);
	NewFile file = NewFile::with_name(path);
	int descriptor = file.take_descriptor();
	bool written = write(descriptor, text.data(), text.size()) ==
		       static_cast<ssize_t>(text.size());
	if (!written) {
		int error = errno;
		close(descriptor);
		throw Failure(fmt::format("{}: writing failed: {}", path, std::strerror(error)));
	}
	file.appear(descriptor);
	close(descriptor);
}

} // namespace dmsnap::tool
