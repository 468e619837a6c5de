// SPDX-License-Identifier: GPL-2.0-only
/* Queries and changes of the device under an overlay.  All throw a Failure. */
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "live/live_snapshot.hpp"

namespace dmsnap::tool {

/* Returns false if it was unplugged, though something may still have it open. */
bool is_connected(DeviceNumber device);
/* "sdb", "dm-3" */
std::string kernel_name(DeviceNumber device);
/* The devices that are built on it. */
std::vector<DeviceNumber> holders_of(DeviceNumber device);

struct BlockDevice {
	uint64_t bytes = 0;
	uint32_t block_bytes = 512;
	bool is_read_only = false;
};
BlockDevice look_at_device(DeviceNumber device);
void set_read_only(DeviceNumber device, bool read_only);
/* The checksum of its first and last MiB, read around the page cache. */
std::string checksum_of_ends(DeviceNumber device);

} // namespace dmsnap::tool
