// SPDX-License-Identifier: GPL-2.0-only
/*
 * The snapshots of a volume that dmsnap made, through LVM2's commands.
 *
 * Such a snapshot has two tags, "dmsnap" and "dmsnap:NAME" (or "dmsnap-backup:NAME"), the volume as
 * its origin, and a name with its time: NAME.20261129T221000Z.  A volume that lacks one of these is
 * never touched.
 */
#pragma once

#include <string>
#include <vector>

#include "backup/config.hpp"

namespace dmsnap::tool {

enum class Purpose { schedule, backup };

struct OwnSnapshot {
	/* "vg/lv" */
	std::string volume;
	std::string lv;
	std::string uuid;
	/* The path of its device. */
	std::string path;
	uint64_t bytes = 0;
	/* The time in its name. */
	int64_t time = 0;
	/* Its device is open: mounted, exported, or being read. */
	bool is_open = false;
	/* It overflowed, or its COW device failed. */
	bool is_invalid = false;
};

/* Oldest first; leaves out those that are being merged.  All of these functions throw. */
std::vector<OwnSnapshot> own_snapshots(const Config &config, Purpose purpose);

/*
 * Runs the hooks before and after it; "after" runs even if an earlier step failed.  The name has
 * @time in it.
 */
std::string make_snapshot(const Config &config, Purpose purpose, int64_t time);
std::string snapshot_name(const Config &config, Purpose purpose, int64_t time);

/* LVM2 finds it by UUID and tag, and refuses to remove one that is open. */
void remove_snapshot(const Config &config, Purpose purpose, const OwnSnapshot &snapshot);
/* Extends it by extend_by of @config. */
void extend_snapshot(const Config &config, const OwnSnapshot &snapshot);

} // namespace dmsnap::tool
