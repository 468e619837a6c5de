// SPDX-License-Identifier: GPL-2.0-only
#include "overlay/loop_device.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "overlay/block_device.hpp"
#include "system/device_name.hpp"
#include "system/failure.hpp"

namespace dmsnap::tool {
namespace {

constexpr const char *control_path = "/dev/loop-control";

Failure failed(const std::string &what)
{
	return Failure(fmt::format("{}: {}", what, std::strerror(errno)));
}

/* A number that was free a moment ago. */
int free_number()
{
	int control = open(control_path, O_RDWR | O_CLOEXEC);
	if (control < 0)
		throw failed(control_path);
	int number = ioctl(control, LOOP_CTL_GET_FREE);
	int error = errno;
	close(control);
	errno = error;
	if (number < 0)
		throw failed("there is no free loop device");
	return number;
}

} // namespace

LoopDevice::LoopDevice(int file, const std::string &name, uint64_t offset, Access access)
{
	loop_config config = {};
	config.fd = static_cast<uint32_t>(file);
	config.info.lo_offset = offset;
	config.info.lo_flags = LO_FLAGS_AUTOCLEAR |
			       (access == Access::read ? LO_FLAGS_READ_ONLY : 0);
	std::copy_n(name.data(), std::min<size_t>(name.size(), LO_NAME_SIZE - 1),
		    reinterpret_cast<char *>(config.info.lo_file_name));
	for (;;) {
		std::string path = fmt::format("/dev/loop{}", free_number());
		descriptor_ = open(path.c_str(), O_RDWR | O_CLOEXEC);
		if (descriptor_ < 0)
			throw failed(path);
		number_ = device_at(path).value_or(DeviceNumber{});
		if (ioctl(descriptor_, LOOP_CONFIGURE, &config) == 0)
			return;
		int error = errno;
		close(std::exchange(descriptor_, -1));
		errno = error;
		/* Another process has taken it in the meantime. */
		if (error != EBUSY)
			throw failed(fmt::format("{} cannot become {}", name, path));
	}
}

LoopDevice::LoopDevice(LoopDevice &&other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), number_(other.number_)
{
}

LoopDevice::~LoopDevice()
{
	if (descriptor_ >= 0)
		close(descriptor_);
}

void take_new_size(DeviceNumber loop)
{
	std::string path = "/dev/" + kernel_name(loop);
	int descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC);
	if (descriptor < 0)
		throw failed(path);
	bool done = ioctl(descriptor, LOOP_SET_CAPACITY) == 0;
	int error = errno;
	close(descriptor);
	errno = error;
	if (!done)
		throw failed(path + " does not become larger");
}

} // namespace dmsnap::tool
