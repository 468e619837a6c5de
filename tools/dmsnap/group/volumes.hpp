// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is asked of LVM2, and done by it, for a group of snapshots.  A snapshot of a group has the
 * tag of it, and until all are made another one: what has that was not finished.  All throw a
 * Failure.
 */
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "live/live_snapshot.hpp"

namespace dmsnap::tool {

struct LogicalVolume {
	std::string vg, lv;
	std::vector<std::string> tags;
	/* Of a snapshot. */
	std::string origin;
	/* Only if it is active. */
	std::optional<DeviceNumber> device;
	bool is_active = false, is_suspended = false, is_open = false;

	std::string name() const { return vg + "/" + lv; }
	bool is_snapshot() const { return !origin.empty(); }
	bool has_tag(const std::string &tag) const;
	/* Group tags; normally one, unless an administrator added some. */
	std::vector<std::string> group_tags() const;
};

constexpr const char *unfinished_tag = "dmsnap.unfinished";
std::string group_tag(const std::string &group);
std::string group_of_tag(const std::string &tag);

/* The volume of this name, "vg/lv". */
LogicalVolume look_at_volume(const std::string &name);
std::vector<LogicalVolume> all_volumes();
/* The arguments for lvcreate, from "4G", or "20%" of the origin. */
std::vector<std::string> words_of_size(const std::string &size);
/* "vg/a-monday" of "vg/a". */
void make_snapshot(const LogicalVolume &origin, const std::string &snapshot,
		   const std::string &group, const std::vector<std::string> &size_words);
void finish_snapshots(const std::vector<std::string> &names);
void remove_snapshots(const std::vector<std::string> &names);

} // namespace dmsnap::tool
