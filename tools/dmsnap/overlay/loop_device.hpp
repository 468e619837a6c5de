// SPDX-License-Identifier: GPL-2.0-only
/*
 * LoopDevice: a file as a block device.  The kernel detaches it when the last one that has it
 * open is gone: this object, or a mapped device above it.  So nothing is left of one when a
 * command is killed, or when the mapped device is removed.
 */
#pragma once

#include <cstdint>
#include <string>

#include "live/live_snapshot.hpp"

namespace dmsnap::tool {

class LoopDevice {
public:
	enum class Access { read, write };

	/* What lies behind @offset in the file; throws a Failure. */
	LoopDevice(int file, const std::string &name, uint64_t offset, Access access);
	~LoopDevice();
	LoopDevice(LoopDevice &&other) noexcept;
	LoopDevice &operator=(LoopDevice &&) = delete;

	DeviceNumber number() const { return number_; }

private:
	int descriptor_ = -1;
	DeviceNumber number_;
};

/* The file behind the loop device, as the kernel names it; empty: it is none. */
std::string backing_file_of(DeviceNumber device);
/* The device takes notice that its file has grown; throws a Failure. */
void take_new_size(DeviceNumber loop);

} // namespace dmsnap::tool
