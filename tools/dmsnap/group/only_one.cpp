// SPDX-License-Identifier: GPL-2.0-only
#include "group/only_one.hpp"

#include <cerrno>
#include <cstring>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "failure.hpp"

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

std::vector<DeviceNumber> OnlyOne::suspended() const
{
	std::string text(4096, '\0');
	ssize_t got = pread(descriptor_, text.data(), text.size(), 0);
	text.resize(got > 0 ? static_cast<size_t>(got) : 0);
	std::istringstream words(text);
	std::vector<DeviceNumber> devices;
	for (std::string word; words >> word;) {
		if (std::optional<DeviceNumber> device = parse_device(word))
			devices.push_back(*device);
	}
	return devices;
}

void OnlyOne::write_suspended(const std::vector<DeviceNumber> &devices)
{
	std::string text;
	for (DeviceNumber device : devices)
		text += to_text(device) + "\n";
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
