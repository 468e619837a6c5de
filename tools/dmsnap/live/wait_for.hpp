// SPDX-License-Identifier: GPL-2.0-only
/*
 * WaitFor: what "dmsnap wait" waits for, and whether it has happened, according to one look at
 * the device.
 */
#pragma once

#include <optional>
#include <string>

#include "live/live_snapshot.hpp"

namespace dmsnap::tool {

struct WaitFor {
	enum class What { merged, fill, invalid };

	What what = What::merged;
	/* For fill. */
	unsigned int percent = 0;
};

/* The state of a device at one moment. */
struct DeviceLook {
	/* Empty: the device is gone, or has no table. */
	std::string target;
	/* Of the targets snapshot and snapshot-merge. */
	std::optional<LiveSnapshot> snapshot;
	/* No merge yet, but LVM2 will start one at the volume's next activation. */
	bool is_to_be_merged = false;
};

enum class WaitResult {
	/* Not yet: keep waiting. */
	open,
	reached,
	/* It can no longer happen. */
	failed,
	/* It can never happen there: the wrong device. */
	mistaken,
	/* There is no merge, and none was seen to end: it is over, or was refused. */
	nothing,
	/* A merge is pending, but does not start now. */
	postponed,
};

struct WaitVerdict {
	WaitResult result = WaitResult::open;
	/* "is merged" */
	std::string why;
};

/*
 * At first @cow is unknown.  Later it is that of the first look, so that
 * a merge counts as complete even if another one has begun on the same origin.
 */
WaitVerdict judge(const WaitFor &wanted, const DeviceLook &look, std::optional<DeviceNumber> cow);

} // namespace dmsnap::tool
