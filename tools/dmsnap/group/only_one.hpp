// SPDX-License-Identifier: GPL-2.0-only
/*
 * OnlyOne: one command makes groups at a time, so that what is unfinished is left by another one.
 * The file that it locks also says which devices are suspended: if a command is killed together
 * with its guardian, the next one resumes them.  A restart empties the file's folder.
 */
#pragma once

#include <string>
#include <vector>

#include "live/live_snapshot.hpp"
#include "system/file_lock.hpp"

namespace dmsnap::tool {

/* Its number may be that of another one later, its UUID not. */
struct HeldDevice {
	DeviceNumber device;
	std::string uuid;

	bool operator==(const HeldDevice &) const = default;
};

class OnlyOne {
public:
	/* Throws a Failure while another process has the lock. */
	explicit OnlyOne(const std::string &path);

	/* The devices that another command suspended. */
	std::vector<HeldDevice> suspended() const;
	/* Throws a Failure. */
	void write_suspended(const std::vector<HeldDevice> &devices);
	void clear() noexcept;

private:
	FileLock lock_;
};

} // namespace dmsnap::tool
