// SPDX-License-Identifier: GPL-2.0-only
/*
 * StreamExport: writes a volume, or its changes since a snapshot was made, as a stream
 * (change_stream.hpp).
 *
 * The new contents come from the origin or, if it is active, from a younger snapshot of it.  The
 * old contents of a chunk are on the COW device if the snapshot was not written.  Their checksum
 * goes with the data, so that apply can check that a copy is the right one.
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

	/* All of @options.origin if no store is given.  Throws a Failure. */
	explicit StreamExport(const StoreOptions &options);

	uint64_t volume_bytes();
	Figures write(FILE *file);

private:
	std::optional<Volume> whole_;
	std::optional<ChangeSource> changes_;
	StoreReport report_;
};

} // namespace dmsnap::tool
