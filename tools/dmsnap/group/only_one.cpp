// SPDX-License-Identifier: GPL-2.0-only
#include "group/only_one.hpp"

#include <cerrno>
#include <cstring>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "system/failure.hpp"

namespace dmsnap::tool {

OnlyOne::OnlyOne(const std::string &path)
    : descriptor_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600))
{
	if (descriptor_ < 0)
		throw Failure(fmt::format("{}: {}", path, std::strerror(errno)));
	if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
		close(descriptor_);
		throw Failure("another group is being made now");
	}
}

OnlyOne::~OnlyOne()
{
	close(descriptor_);
}

std::vector<HeldDevice> OnlyOne::suspended() const
{
	std::string text;
	char piece[4096];
	for (ssize_t got;
	     (got = pread(descriptor_, piece, sizeof(piece), static_cast<off_t>(text.size()))) > 0;)
		text.append(piece, static_cast<size_t>(got));
	std::istringstream lines(text);
	std::vector<HeldDevice> devices;
	for (std::string line; std::getline(lines, line);) {
		std::istringstream words(line);
		std::string number, uuid;
		if (!(words >> number >> uuid))
			continue;
		if (std::optional<DeviceNumber> device = parse_device(number))
			devices.push_back({*device, uuid});
	}
	return devices;
}

void OnlyOne::write_suspended(const std::vector<HeldDevice> &devices)
{
	std::string text;
	for (const HeldDevice &held : devices)
		text += to_text(held.device) + " " + held.uuid + "\n";
	/* Of a longer list the end would stay. */
	clear();
	errno = ENOSPC;
	if (pwrite(descriptor_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
		throw Failure(fmt::format("the list of devices to be suspended cannot be written: "
					  "{}",
					  std::strerror(errno)));
}

void OnlyOne::clear() noexcept
{
	/* A list that stays does no harm: what is on it and not suspended is left alone. */
	if (ftruncate(descriptor_, 0) != 0)
		return;
}

} // namespace dmsnap::tool
