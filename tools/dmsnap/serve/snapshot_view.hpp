// SPDX-License-Identifier: GPL-2.0-only
/*
 * SnapshotView: the contents of a snapshot without a driver, which are the origin with the store's
 * chunks over it.  Neither may be in use, and neither is written to.
 *
 * Memory: 24 bytes for each run of chunks that are consecutive on both devices.
 */
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cli/commands.hpp"
#include "store/store_source.hpp"

namespace dmsnap::tool {

class SnapshotView {
public:
	/* Throws a Failure for an unreliable store. */
	explicit SnapshotView(const StoreOptions &options);

	uint64_t bytes() const { return source_.origin->bytes(); }
	/* Reads all of @data, which must be inside; false: an error.  Safe in all threads. */
	bool read(uint64_t offset, std::span<std::byte> data);

private:
	struct Run {
		uint64_t old_chunk;
		uint64_t new_chunk;
		uint64_t count;
	};

	class Collect;

	StoreSource source_;
	uint64_t chunk_bytes_ = 0;
	/* Sorted by old_chunk; they do not overlap. */
	std::vector<Run> runs_;
};

} // namespace dmsnap::tool
