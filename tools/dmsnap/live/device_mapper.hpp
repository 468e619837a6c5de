// SPDX-License-Identifier: GPL-2.0-only
/*
 * DeviceMapper: the snapshots of this machine, through libdevmapper.  Its functions
 * throw a Failure.
 */
#pragma once

#include <string>

#include "live/snapshot_source.hpp"

namespace dmsnap::tool {

class DeviceMapper final : public SnapshotSource {
public:
	std::vector<LiveSnapshot> snapshots() override;
	DeviceNumber find(const std::string &name) override;
	std::optional<SnapshotStats> stats(DeviceNumber device) override;

	/*
	 * The snapshot that is this device, or whose COW device it is; none: there is none,
	 * for example because this kernel has no device mapper.
	 */
	std::optional<LiveSnapshot> snapshot_on(const std::string &path);
	/* None: the device is gone, or now has another target. */
	std::optional<LiveSnapshot> snapshot(DeviceNumber device);
	/* "linear", "snapshot-origin" ...; empty: the device is gone, or has no table. */
	std::string target_of(DeviceNumber device);
	/* For an LVM2 volume: is a merge under way, or pending for the next activation? */
	bool is_to_be_merged(DeviceNumber device);
	/*
	 * To the first target, whose answer it is, or the empty text of one that has nothing
	 * to answer.  None: the target has refused it.
	 */
	std::optional<std::string> send_message(DeviceNumber device, const std::string &message);
};

} // namespace dmsnap::tool
