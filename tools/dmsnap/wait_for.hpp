// SPDX-License-Identifier: GPL-2.0-only
/*
 * WaitFor: what "dmsnap wait" waits for, and whether it has come, as one look at
 * the device tells.
 */
#pragma once

#include <optional>
#include <string>

#include "live_snapshot.hpp"

namespace dmsnap::tool {

struct WaitFor {
	enum class What { merged, fill, invalid };

	What what = What::merged;
	/* For fill. */
	unsigned int percent = 0;
};

/* A device, at one time. */
struct DeviceLook {
	/* Empty: the device is gone, or has no table. */
	std::string target;
	/* Of the targets snapshot and snapshot-merge. */
	std::optional<LiveSnapshot> snapshot;
	/* There is none, but LVM2 has one to merge when the volume is activated next. */
	bool is_to_be_merged = false;
};

enum class WaitResult {
	/* Not yet: wait on. */
	open,
	reached,
	/* It will not come any more. */
	failed,
	/* It could never come there: another device is meant. */
	mistaken,
	/* There is no merge, and none was seen to end: it is over, or was refused. */
	nothing,
	/* A merge is to come, and not now. */
	postponed,
};

struct WaitVerdict {
	WaitResult result = WaitResult::open;
	/* "is merged" */
	std::string why;
};

/*
 * At the beginning, @cow is not known.  Later it is that of the first look, so that
 * a merge is over also when another one has begun on the same origin.
 */
WaitVerdict judge(const WaitFor &wanted, const DeviceLook &look, std::optional<DeviceNumber> cow);

} // namespace dmsnap::tool
