// SPDX-License-Identifier: GPL-2.0-only
#include "system/device_name.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "system/failure.hpp"

namespace dmsnap::tool {

namespace fs = std::filesystem;

namespace {

/* Without the blanks around it; empty: there is none. */
std::string line_of(const fs::path &path)
{
	std::ifstream file(path);
	std::string line;
	std::getline(file, line);
	line.erase(0, line.find_first_not_of(" \t"));
	line.erase(line.find_last_not_of(" \t") + 1);
	return line;
}

/* Sorted. */
std::vector<std::string> links_by_id(DeviceNumber device)
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
	std::ranges::sort(links);
	return links;
}

/* "wwid-naa.5000c500a1b2c3d4-part2"; empty: it says nothing. */
std::string own_name(const fs::path &device)
{
	const std::string part = line_of(device / "partition");
	const fs::path disk = part.empty() ? device : device / "..";

	for (const char *what : {"wwid", "device/wwid", "serial"}) {
		std::string value = line_of(disk / what);
		if (!value.empty())
			return fmt::format("{}-{}{}", fs::path(what).filename().string(), value,
					   part.empty() ? "" : "-part" + part);
	}
	return {};
}

} // namespace

std::optional<DeviceNumber> device_at(const std::string &path)
{
	struct stat about;
	if (stat(path.c_str(), &about) != 0 || !S_ISBLK(about.st_mode))
		return {};
	return DeviceNumber{major(about.st_rdev), minor(about.st_rdev)};
}

std::string lasting_path(DeviceNumber device, const std::string &path)
{
	std::vector<std::string> links = links_by_id(device);
	return links.empty() ? fs::absolute(path).string() : links.front();
}

std::vector<std::string> lasting_names(DeviceNumber device)
{
	const fs::path folder = fmt::format("/sys/dev/block/{}", to_text(device));
	std::string mapped = line_of(folder / "dm/name");
	if (!mapped.empty())
		return {mapped};
	std::vector<std::string> names = links_by_id(device);
	std::string own = own_name(folder);
	if (!own.empty())
		names.push_back(own);
	return names;
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
