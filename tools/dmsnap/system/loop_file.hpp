// SPDX-License-Identifier: GPL-2.0-only
/* Loop devices, and the files behind them. */
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <sys/stat.h>

#include "live/live_snapshot.hpp"

namespace dmsnap::tool {

/* "/dev/loop3", that has this file; empty: none has. */
std::string loop_device_of(const struct stat &file);
/* The file behind the loop device, as the kernel names it; empty: it is none. */
std::string backing_file_of(DeviceNumber device);

struct PlaceInFile {
	std::string path;
	uint64_t offset;
};
/*
 * Where the bytes of a loop device or of a partition of one are.  None: it is something else, or
 * its file has no name here.  @descriptor: the device.
 */
std::optional<PlaceInFile> place_in_file(DeviceNumber device, int descriptor);

} // namespace dmsnap::tool
