// SPDX-License-Identifier: GPL-2.0-only
/*
 * LiveSnapshot: a device with the target snapshot or snapshot-merge, as its table
 * line and its status say it is.  Both drivers have the same lines.
 */
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

namespace dmsnap::tool {

struct DeviceNumber {
	uint32_t major = 0;
	uint32_t minor = 0;

	auto operator<=>(const DeviceNumber &) const = default;
};
/* "253:4" */
std::string to_text(DeviceNumber device);

/* Sectors of the COW device. */
struct CowUsage {
	uint64_t used = 0;
	uint64_t total = 0;
	/* Of those in use. */
	uint64_t metadata = 0;

	/* From 0 to 1.  On a full device the next chunk, the first not in use, may lie behind the end. */
	double full() const;
	uint64_t left() const { return used < total ? total - used : 0; }
	/* What a merge still has to copy to the origin. */
	uint64_t unmerged() const { return used > metadata ? used - metadata : 0; }
};

enum class SnapshotState {
	active,
	suspended,
	merging,
	/* Nothing is left to merge; the table has not been replaced yet. */
	merged,
	overflow,
	invalid,
	merge_failed,
	/* The status has neither the words above nor numbers. */
	unknown,
};
/* As in JSON: "merge failed". */
const char *to_text(SnapshotState state);

struct LiveSnapshot {
	/* Device mapper's. */
	std::string name;
	/* LVM2's, if it is one of its volumes: its group and its own. */
	std::string vg, lv;
	DeviceNumber device;
	bool is_merge = false;
	bool is_suspended = false;

	DeviceNumber origin;
	DeviceNumber cow;
	/* The name to display: the volume's, for an origin in use. */
	std::string origin_name;
	std::string cow_name;
	/* P, PO or N. */
	std::string store;
	uint64_t chunk_sectors = 0;

	SnapshotState state = SnapshotState::unknown;
	/* Unknown for an invalid snapshot, for example, whose status is a single word. */
	std::optional<CowUsage> usage;
	/* Why it is invalid, as its driver says; empty: that does not. */
	std::string reason;

	/* For people: "vg/snap", or device mapper's name. */
	std::string shown_name() const;
	/* "invalid: no free chunk" */
	std::string state_text() const;
	/* Invalid, or unable to merge. */
	bool is_bad() const;
};

/* Is it one of the targets?  Sets is_merge. */
bool take_target(LiveSnapshot &snapshot, const std::string &target);
/* Parses what follows the target in "dmsetup table"; false: it is not such a line. */
bool take_table(LiveSnapshot &snapshot, const std::string &words);
/* What follows the target in "dmsetup status"; is_merge and is_suspended are known. */
void take_status(LiveSnapshot &snapshot, const std::string &words);
/* "253:4" */
std::optional<DeviceNumber> parse_device(const std::string &text);

} // namespace dmsnap::tool
