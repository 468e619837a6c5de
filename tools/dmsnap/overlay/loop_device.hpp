// SPDX-License-Identifier: GPL-2.0-only
/*
 * LoopDevice: a file as a block device.  The kernel detaches it after its last user has closed
 * it: this object, or a mapped device above it.  So nothing is left of it if a command is killed,
 * or if the mapped device is removed.
 */
#pragma once

#include <cstdint>
#include <string>

#include "live/live_snapshot.hpp"

namespace dmsnap::tool {

class LoopDevice {
public:
	enum class Access { read, write };

	/* The part of the file from @offset on.  Throws a Failure. */
	LoopDevice(int file, const std::string &name, uint64_t offset, Access access);
	~LoopDevice();
	LoopDevice(LoopDevice &&other) noexcept;
	LoopDevice &operator=(LoopDevice &&) = delete;

	DeviceNumber number() const { return number_; }

private:
	int descriptor_ = -1;
	DeviceNumber number_;
};

/* Tells the device that its file has grown.  Throws a Failure. */
void take_new_size(DeviceNumber loop);

} // namespace dmsnap::tool
