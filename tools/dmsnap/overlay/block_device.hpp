// SPDX-License-Identifier: GPL-2.0-only
/* What has to be known of, and done to, the device under an overlay.  All throw a Failure. */
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "live/live_snapshot.hpp"

namespace dmsnap::tool {

/* False: it was pulled out, though something may still have it open. */
bool is_connected(DeviceNumber device);
/* "sdb", "dm-3" */
std::string kernel_name(DeviceNumber device);
/* Those that are built on it. */
std::vector<DeviceNumber> holders_of(DeviceNumber device);

struct BlockDevice {
	uint64_t bytes = 0;
	uint32_t block_bytes = 512;
	bool is_read_only = false;
};
BlockDevice look_at_device(DeviceNumber device);
void set_read_only(DeviceNumber device, bool read_only);
/* Of its first and its last MiB, past the page cache. */
std::string checksum_of_ends(DeviceNumber device);

} // namespace dmsnap::tool
