// SPDX-License-Identifier: GPL-2.0-only
/* What is done to the mapped device that an overlay is.  All throw a Failure. */
#pragma once

#include <string>
#include <vector>

#include "live/live_snapshot.hpp"

namespace dmsnap::tool {

struct MappedDevice {
	DeviceNumber number;
	std::string name;
	std::string uuid;
	/* How often it is open. */
	uint32_t users = 0;
	/* Of the first line; empty: it has none. */
	std::string target, words;
	/* They are only loaded, and nobody has resumed the device. */
	bool is_inactive = false;
};

/* Of this beginning of their UUID, by name. */
std::vector<MappedDevice> mapped_devices(const std::string &uuid_prefix);

/* How often it is open now. */
uint32_t users_of(DeviceNumber device);

struct TableLine {
	uint64_t sectors;
	std::string target;
	std::string words;
};

/* Has no table yet, and no node. */
void create_mapped(const std::string &name, const std::string &uuid);
/* The table that it has after resume_mapped(). */
void load_mapped(const std::string &name, const TableLine &line);
void suspend_mapped(const std::string &name);
void resume_mapped(const std::string &name);
/*
 * The loaded table takes the place of the other one.  Neither a signal nor a failure leaves the
 * device suspended; after a failure it has either table.
 */
void exchange_table(const std::string &name);
void remove_mapped(const std::string &name);

} // namespace dmsnap::tool
