// SPDX-License-Identifier: GPL-2.0-only
/*
 * LiveSnapshot: a device with the target snapshot or snapshot-merge, according to its table line
 * and status.  Both drivers have the same lines.
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
	/* The part of those in use that is metadata. */
	uint64_t metadata = 0;

	/* From 0 to 1.  On a full device the next free chunk may be behind the end. */
	double full() const;
	uint64_t left() const { return used < total ? total - used : 0; }
	/* What a merge still has to copy to the origin. */
	uint64_t unmerged() const { return used > metadata ? used - metadata : 0; }
};

enum class SnapshotState {
	active,
	suspended,
	merging,
	/* Nothing is left to merge, but the table was not replaced yet. */
	merged,
	overflow,
	invalid,
	merge_failed,
	/* The status has neither these words nor numbers. */
	unknown,
};
/* As in JSON: "merge failed". */
const char *to_text(SnapshotState state);

struct LiveSnapshot {
	/* Device mapper's name. */
	std::string name;
	/* The names of its group and volume, if it is LVM2's. */
	std::string vg, lv;
	DeviceNumber device;
	bool is_merge = false;
	bool is_suspended = false;

	DeviceNumber origin;
	DeviceNumber cow;
	/* The name to display: for an origin in use, that of the volume. */
	std::string origin_name;
	std::string cow_name;
	/* The type: P, PO or N. */
	std::string store;
	uint64_t chunk_sectors = 0;

	SnapshotState state = SnapshotState::unknown;
	/* Unknown if the status is a word, as for an invalid snapshot. */
	std::optional<CowUsage> usage;
	/* Why it is invalid; empty if its driver does not say. */
	std::string reason;

	/* The name to show: "vg/snap", or device mapper's name. */
	std::string shown_name() const;
	/* "invalid: no free chunk" */
	std::string state_text() const;
	/* Invalid, or unable to merge. */
	bool is_bad() const;
};

/* Is @target one of the two targets?  Sets is_merge. */
bool take_target(LiveSnapshot &snapshot, const std::string &target);
/* Parses what follows the target in "dmsetup table".  Returns false for another line. */
bool take_table(LiveSnapshot &snapshot, const std::string &words);
/* Parses what follows the target in "dmsetup status"; is_merge and is_suspended must be set. */
void take_status(LiveSnapshot &snapshot, const std::string &words);
/* "253:4" */
std::optional<DeviceNumber> parse_device(const std::string &text);

} // namespace dmsnap::tool
