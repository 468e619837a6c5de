// SPDX-License-Identifier: GPL-2.0-only
/*
 * Status, table and measurement lines of snapshot and snapshot-merge.  Other programs parse them
 * word by word, so nothing may be added.
 *
 * All functions write a NUL-terminated text, cut off where @buffer ends, and return its length
 * without the NUL.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "store/store_usage.hpp"
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

/* Writes one word if something is wrong, otherwise "allocated/total metadata" in sectors. */
size_t format_status(std::span<char> buffer, const SnapshotState &state, const StoreUsage &usage);

/* Writes the arguments of the table line; @store.chunk_sectors is the size in use. */
size_t format_table(std::span<char> buffer, const DeviceNames &devices, const StoreArgs &store,
		    const Features &features);

/* @target: the name, @version: three numbers with dots. */
size_t format_measurement(std::span<char> buffer, const char *target, const char *version,
			  const DeviceNames &devices, const SnapshotState &state);

} // namespace dmsnap
