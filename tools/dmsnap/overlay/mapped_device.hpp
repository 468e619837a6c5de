// SPDX-License-Identifier: GPL-2.0-only
/* Operations on the mapped device of an overlay.  All throw a Failure. */
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
	/* The table's first line; empty if there is none. */
	std::string target, words;
	/* The table is loaded, but the device was not resumed. */
	bool is_inactive = false;
};

/* Those whose UUIDs have this prefix, by name. */
std::vector<MappedDevice> mapped_devices(const std::string &uuid_prefix);

/* How often it is open now. */
uint32_t users_of(DeviceNumber device);

struct TableLine {
	uint64_t sectors;
	std::string target;
	std::string words;
};

/* Makes it without a table and a node. */
void create_mapped(const std::string &name, const std::string &uuid);
/* Loads the table that resume_mapped() activates. */
void load_mapped(const std::string &name, const TableLine &line);
void suspend_mapped(const std::string &name);
void resume_mapped(const std::string &name);
/*
 * Replaces the active table by the loaded one.  Neither a signal nor a failure leaves the device
 * suspended.  After a failure it has one of the two tables.
 */
void exchange_table(const std::string &name);
void remove_mapped(const std::string &name);

} // namespace dmsnap::tool
