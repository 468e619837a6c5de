// SPDX-License-Identifier: GPL-2.0-only
/* WaitFor: what "dmsnap wait" waits for, and whether it has happened at one look at the device. */
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
	/* Empty if the device is gone or has no table. */
	std::string target;
	/* Set for the targets snapshot and snapshot-merge. */
	std::optional<LiveSnapshot> snapshot;
	/* No merge yet, but LVM2 will start one at the volume's next activation. */
	bool is_to_be_merged = false;
};

enum class WaitResult {
	/* Not yet: wait on. */
	open,
	reached,
	/* It cannot happen any more. */
	failed,
	/* It can never happen with this device. */
	mistaken,
	/* There is no merge, and none was seen: it is over, or was refused. */
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
 * @cow: unknown at first, later that of the first look.  So a merge counts as complete even if the
 * next one has begun on the same origin.
 */
WaitVerdict judge(const WaitFor &wanted, const DeviceLook &look, std::optional<DeviceNumber> cow);

} // namespace dmsnap::tool
