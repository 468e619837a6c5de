// SPDX-License-Identifier: GPL-2.0-only
/* DeviceMapper: this machine's snapshots, through libdevmapper.  All throw a Failure. */
#pragma once

#include <string>

#include "live/snapshot_source.hpp"

namespace dmsnap::tool {

/* Is dmsnap's module loaded, and not the kernel's own?  Only dmsnap's has a version. */
bool driver_is_dmsnaps();

class DeviceMapper final : public SnapshotSource {
public:
	std::vector<LiveSnapshot> snapshots() override;
	DeviceNumber find(const std::string &name) override;
	std::optional<SnapshotStats> stats(DeviceNumber device) override;

	/*
	 * The snapshot that this device is, or whose COW device it is.  None if there is none,
	 * for example because this kernel has no device mapper.
	 */
	std::optional<LiveSnapshot> snapshot_on(const std::string &path);
	/* None if the device is gone, or has another target. */
	std::optional<LiveSnapshot> snapshot(DeviceNumber device);
	/* "linear", "snapshot-origin" ...; empty if the device is gone or has no table. */
	std::string target_of(DeviceNumber device);
	/* For an LVM2 volume: is it being merged, or will it be at the next activation? */
	bool is_to_be_merged(DeviceNumber device);
	/*
	 * Sends a message to the first target and returns its answer, which may be empty.  None
	 * if the target refused it.
	 */
	std::optional<std::string> send_message(DeviceNumber device, const std::string &message);
};

} // namespace dmsnap::tool
