// SPDX-License-Identifier: GPL-2.0-only
#include "system/loop_file.hpp"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <linux/loop.h>
#include <sys/ioctl.h>

#include "base/chunk.hpp"

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

std::optional<PlaceInFile> place_in_file(DeviceNumber device, int descriptor)
{
	std::string path = backing_file_of(device);
	uint64_t first_sector = 0;
	loop_info64 loop = {};
	struct stat file;

	if (path.empty() && std::ifstream(folder_of(device) / "start") >> first_sector)
		path = backing_file_in(folder_of(device) / "..");
	if (path.empty() || ioctl(descriptor, LOOP_GET_STATUS64, &loop) != 0 ||
	    stat(path.c_str(), &file) != 0 || file.st_dev != loop.lo_device ||
	    file.st_ino != loop.lo_inode)
		return {};
	return PlaceInFile{path, loop.lo_offset + first_sector * sector_bytes};
}

} // namespace dmsnap::tool
