// SPDX-License-Identifier: GPL-2.0-only
#include "live/dm_events.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/dm-ioctl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "system/failure.hpp"
#include "system/needs_root.hpp"

namespace dmsnap::tool {
namespace {

constexpr const char *control_path = "/dev/" DM_DIR "/" DM_CONTROL_NODE;

Failure failed()
{
	return Failure(fmt::format("{} for events ({}): {}",
				   needs_root(errno) ? "must be root to wait" : "cannot wait",
				   control_path, std::strerror(errno)));
}

} // namespace

DmEvents::DmEvents() : file_(open(control_path, O_RDWR | O_CLOEXEC))
{
	if (file_ < 0)
		throw failed();
}

DmEvents::~DmEvents()
{
	close(file_);
}

/* libdevmapper sends this request to a file of its own, which cannot be polled. */
void DmEvents::arm()
{
	dm_ioctl request = {};
	/* The first version with this request: Linux 4.13. */
	request.version[0] = 4;
	request.version[1] = 37;
	request.data_size = sizeof(request);
	request.data_start = offsetof(dm_ioctl, data);
	if (ioctl(file_, DM_DEV_ARM_POLL, &request) != 0)
		throw failed();
}

bool DmEvents::wait(double seconds)
{
	constexpr double milliseconds_max = 1 << 30;

	pollfd poll_file = {.fd = file_, .events = POLLIN, .revents = 0};
	auto milliseconds = static_cast<int>(std::min(std::ceil(seconds * 1000), milliseconds_max));
	int ready = poll(&poll_file, 1, std::max(milliseconds, 0));
	/* A signal was handled: return to the caller. */
	if (ready < 0 && errno != EINTR)
		throw failed();
	return ready != 0;
}

} // namespace dmsnap::tool
