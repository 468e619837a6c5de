// SPDX-License-Identifier: GPL-2.0-only
/*
 * The snapshots of a volume that dmsnap made, through LVM2's own commands.
 *
 * A snapshot of dmsnap has two tags, "dmsnap" and "dmsnap:NAME" (or "dmsnap-backup:NAME"), the
 * volume as its origin, and a name with its time: NAME.20261129T221000Z.  A volume that
 * lacks one of these is never touched.
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
	/* Of its device. */
	std::string path;
	uint64_t bytes = 0;
	/* As its name says. */
	int64_t time = 0;
	/* Mounted, exported, read: its device is open. */
	bool is_open = false;
	/* Invalid: it overflowed, or its COW device failed. */
	bool is_invalid = false;
};

/* Oldest first, without those that are being merged.  All of these functions throw. */
std::vector<OwnSnapshot> own_snapshots(const Config &config, Purpose purpose);

/*
 * Runs the hooks around it; "after" also if an earlier step failed.  The name is that of
 * a snapshot that was made at @time.
 */
std::string make_snapshot(const Config &config, Purpose purpose, int64_t time);
std::string snapshot_name(const Config &config, Purpose purpose, int64_t time);

/* LVM2 itself refuses one that is open, and finds it by its UUID and tag. */
void remove_snapshot(const Config &config, Purpose purpose, const OwnSnapshot &snapshot);
/* Extends it by extend_by of @config. */
void extend_snapshot(const Config &config, const OwnSnapshot &snapshot);

} // namespace dmsnap::tool
