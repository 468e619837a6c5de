// SPDX-License-Identifier: GPL-2.0-only
#include "system/loop_file.hpp"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>

namespace dmsnap::tool {
namespace {

namespace fs = std::filesystem;

std::string backing_file_in(const fs::path &folder)
{
	std::ifstream file(folder / "loop/backing_file");
	std::string path;
	std::getline(file, path);
	return path;
}

fs::path folder_of(DeviceNumber device)
{
	return fmt::format("/sys/dev/block/{}", to_text(device));
}

} // namespace

std::string loop_device_of(const struct stat &file)
{
	std::error_code ignored;
	for (const fs::directory_entry &device : fs::directory_iterator("/sys/block", ignored)) {
		std::string backing = backing_file_in(device.path());
		struct stat other;
		if (!backing.empty() && stat(backing.c_str(), &other) == 0 &&
		    other.st_dev == file.st_dev && other.st_ino == file.st_ino)
			return "/dev/" + device.path().filename().string();
	}
	return {};
}

std::string backing_file_of(DeviceNumber device)
{
	return backing_file_in(folder_of(device));
}

} // namespace dmsnap::tool
