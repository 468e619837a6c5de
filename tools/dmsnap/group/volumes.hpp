// SPDX-License-Identifier: GPL-2.0-only
/*
 * What LVM2 knows and does for a group of snapshots.  A snapshot of a group has the group's tag.
 * Until all are made it has a second tag; a snapshot with this tag is unfinished.  All functions
 * throw a Failure.
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
	/* The origin of a snapshot. */
	std::string origin;
	/* None if it is not active. */
	std::optional<DeviceNumber> device;
	bool is_active = false, is_suspended = false, is_open = false;

	std::string name() const { return vg + "/" + lv; }
	bool is_snapshot() const { return !origin.empty(); }
	bool has_tag(const std::string &tag) const;
	/* Its groups' tags; one, unless an administrator has added others. */
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
/* Makes "vg/a-monday" of "vg/a". */
void make_snapshot(const LogicalVolume &origin, const std::string &snapshot,
		   const std::string &group, const std::vector<std::string> &size_words);
void finish_snapshots(const std::vector<std::string> &names);
void remove_snapshots(const std::vector<std::string> &names);

} // namespace dmsnap::tool
