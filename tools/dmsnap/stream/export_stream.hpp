// SPDX-License-Identifier: GPL-2.0-only
/*
 * StreamExport: a volume, or its changes since a snapshot was made, written as a
 * stream (change_stream.hpp).
 *
 * The new contents are read from the origin or, while it is active, from a younger snapshot of
 * it.  The contents of a chunk when the snapshot
 * was made are on the COW device, if the snapshot was not written; their checksum
 * accompanies the data, so that apply can check whether a copy is the right one.
 */
#pragma once

#include <cstdio>
#include <optional>

#include "store/store_reader.hpp"
#include "stream/change_source.hpp"
#include "system/volume.hpp"

namespace dmsnap::tool {

class StreamExport {
public:
	struct Figures {
		uint64_t bytes = 0;
		uint64_t records = 0;
	};

	/* All of @options.origin, if no store is named; throws a Failure for what cannot be. */
	explicit StreamExport(const StoreOptions &options);

	uint64_t volume_bytes();
	Figures write(FILE *file);

private:
	std::optional<Volume> whole_;
	std::optional<ChangeSource> changes_;
	StoreReport report_;
};

} // namespace dmsnap::tool
