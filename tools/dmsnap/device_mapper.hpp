// SPDX-License-Identifier: GPL-2.0-only
/*
 * DeviceMapper: the snapshots of this machine, through libdevmapper.  Its functions
 * throw a Failure.
 */
#pragma once

#include <string>

#include "snapshot_source.hpp"

namespace dmsnap::tool {

/* The block device of that path; none: there is none, or it is something else. */
std::optional<DeviceNumber> device_at(const std::string &path);

class DeviceMapper final : public SnapshotSource {
public:
	DeviceMapper();

	std::vector<LiveSnapshot> snapshots() override;
	DeviceNumber find(const std::string &name) override;

	/* None: the device is gone, or has another target now. */
	std::optional<LiveSnapshot> snapshot(DeviceNumber device);
	/* "linear", "snapshot-origin" ...; empty: the device is gone, or has no table. */
	std::string target_of(DeviceNumber device);
	/*
	 * To the first target, whose answer it is, or the empty text of one that has nothing
	 * to answer.  None: the target has refused it.
	 */
	std::optional<std::string> send_message(DeviceNumber device, const std::string &message);
};

} // namespace dmsnap::tool
