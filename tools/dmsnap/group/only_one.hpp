// SPDX-License-Identifier: GPL-2.0-only
/*
 * OnlyOne: only one command makes groups at a time, so unfinished snapshots belong to a command
 * that has ended.  The locked file lists the suspended devices: if a command is killed with its
 * guardian, the next one resumes them.  A reboot empties the file's folder.
 */
#pragma once

#include <string>
#include <vector>

#include "live/live_snapshot.hpp"
#include "system/file_lock.hpp"

namespace dmsnap::tool {

/* Another device may have its number later, but not its UUID. */
struct HeldDevice {
	DeviceNumber device;
	std::string uuid;

	bool operator==(const HeldDevice &) const = default;
};

class OnlyOne {
public:
	/* Throws a Failure if another process has the lock. */
	explicit OnlyOne(const std::string &path);

	/* The devices that another command has suspended. */
	std::vector<HeldDevice> suspended() const;
	/* Throws a Failure. */
	void write_suspended(const std::vector<HeldDevice> &devices);
	void clear() noexcept;

private:
	FileLock lock_;
};

} // namespace dmsnap::tool
