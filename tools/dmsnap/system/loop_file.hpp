// SPDX-License-Identifier: GPL-2.0-only
/* Loop devices, and the files behind them. */
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <sys/stat.h>

#include "live/live_snapshot.hpp"

namespace dmsnap::tool {

/* "/dev/loop3" with this backing file; empty if there is none. */
std::string loop_device_of(const struct stat &file);
/* The file behind the loop device, by the kernel's name; empty if it is no loop device. */
std::string backing_file_of(DeviceNumber device);

struct PlaceInFile {
	std::string path;
	uint64_t offset;
};
/*
 * The place in its file where a loop device, or a partition of one, begins.  Returns nothing for
 * other devices, and if the file has no name here.  @descriptor: the device.
 */
std::optional<PlaceInFile> place_in_file(DeviceNumber device, int descriptor);

} // namespace dmsnap::tool
