// SPDX-License-Identifier: GPL-2.0-only
#include "overlay/lock.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "failure.hpp"

namespace dmsnap::tool {
namespace {

/* A restart empties its folder. */
constexpr const char *lock_path = "/run/dmsnap-overlay";

} // namespace

OverlayLock::OverlayLock()
    : descriptor_(open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600))
{
	int result = descriptor_;
	if (descriptor_ >= 0) {
		do
			result = flock(descriptor_, LOCK_EX);
		while (result != 0 && errno == EINTR);
	}
	if (result >= 0)
		return;
	int error = errno;
	if (descriptor_ >= 0)
		close(descriptor_);
	throw Failure(fmt::format("{}: {}", lock_path, std::strerror(error)));
}

OverlayLock::~OverlayLock()
{
	close(descriptor_);
}

} // namespace dmsnap::tool
