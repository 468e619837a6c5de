// SPDX-License-Identifier: GPL-2.0-only
/* Loop devices, and the files behind them. */
#pragma once

#include <string>

#include <sys/stat.h>

#include "live/live_snapshot.hpp"

namespace dmsnap::tool {

/* "/dev/loop3", that has this file; empty: none has. */
std::string loop_device_of(const struct stat &file);
/* The file behind the loop device, as the kernel names it; empty: it is none. */
std::string backing_file_of(DeviceNumber device);

} // namespace dmsnap::tool
