// SPDX-License-Identifier: GPL-2.0-only
#include "group/only_one.hpp"

#include <cerrno>
#include <cstring>
#include <sstream>

#include <fmt/format.h>
#include <unistd.h>

#include "system/failure.hpp"

namespace dmsnap::tool {

OnlyOne::OnlyOne(const std::string &path)
    : lock_(path, FileLock::Busy::refuse, "another \"dmsnap create --group\"")
{
}

std::vector<HeldDevice> OnlyOne::suspended() const
{
	std::string text;
	char piece[4096];
	for (ssize_t got; (got = pread(lock_.descriptor(), piece, sizeof(piece),
				       static_cast<off_t>(text.size()))) > 0;)
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
	/* Or the end of a longer, older list would remain. */
	clear();
	errno = ENOSPC;
	if (pwrite(lock_.descriptor(), text.data(), text.size(), 0) !=
	    static_cast<ssize_t>(text.size()))
		throw Failure(fmt::format("the list of devices to be suspended cannot be written: "
					  "{}",
					  std::strerror(errno)));
}

void OnlyOne::clear() noexcept
{
	/* A stale list is harmless: devices that are not suspended are left alone. */
	if (ftruncate(lock_.descriptor(), 0) != 0)
		return;
}

} // namespace dmsnap::tool
