// SPDX-License-Identifier: GPL-2.0-only
/*
 * What snapshot and snapshot-merge say of themselves: status, table and
 * measurement lines.  Other programs parse them word by word, so nothing is
 * ever added.
 *
 * All functions write a zero-terminated text, cut off where @buffer ends, and
 * return its length without the zero.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "table/table_line.hpp"

namespace dmsnap {

/* "major:minor"; not owned. */
struct DeviceNames {
	const char *origin = "";
	const char *cow = "";
};

struct SnapshotState {
	bool valid = true;
	bool merge_failed = false;
	bool overflowed = false;
};

/* On the COW device. */
struct StoreUsage {
	uint64_t allocated_sectors = 0;
	uint64_t total_sectors = 0;
	uint64_t metadata_sectors = 0;
};

/* One word for what is wrong, else "allocated/total metadata", in sectors. */
size_t format_status(std::span<char> buffer, const SnapshotState &state, const StoreUsage &usage);

/* The words of the table line; @store.chunk_sectors is the size in use. */
size_t format_table(std::span<char> buffer, const DeviceNames &devices, const StoreArgs &store,
		    const Features &features);

/* @target: the name, @version: three numbers with dots. */
size_t format_measurement(std::span<char> buffer, const char *target, const char *version,
			  const DeviceNames &devices, const SnapshotState &state);

} // namespace dmsnap
