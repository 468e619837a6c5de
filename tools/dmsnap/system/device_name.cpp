// SPDX-License-Identifier: GPL-2.0-only
#include "system/device_name.hpp"

#include <algorithm>
#include <filesystem>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "system/failure.hpp"

namespace dmsnap::tool {

namespace fs = std::filesystem;

std::optional<DeviceNumber> device_at(const std::string &path)
{
	struct stat about;
	if (stat(path.c_str(), &about) != 0 || !S_ISBLK(about.st_mode))
		return {};
	return DeviceNumber{major(about.st_rdev), minor(about.st_rdev)};
}

std::string lasting_path(DeviceNumber device, const std::string &path)
{
	std::vector<std::string> links;
	std::error_code error;
	for (const fs::directory_entry &link : fs::directory_iterator("/dev/disk/by-id", error)) {
		/* This link depends on the contents, and a clone of them has it too. */
		if (link.path().filename().string().starts_with("lvm-pv-uuid-"))
			continue;
		if (device_at(link.path()) == device)
			links.push_back(link.path());
	}
	return links.empty() ? fs::absolute(path).string() : *std::ranges::min_element(links);
}

std::string path_of(const std::string &name)
{
	for (const char *beginning : {"/", "./", "../"}) {
		if (name.starts_with(beginning))
			return name;
	}
	for (const char *folder : {"/dev/mapper/", "/dev/"}) {
		if (device_at(folder + name))
			return folder + name;
	}
	if (name.find('/') != std::string::npos)
		throw Failure(fmt::format("there is no device /dev/{}; a file is named ./{}", name,
					  name));
	return name;
}

} // namespace dmsnap::tool
