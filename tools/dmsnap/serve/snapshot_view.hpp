// SPDX-License-Identifier: GPL-2.0-only
/*
 * SnapshotView: the contents of a snapshot, without a driver: the origin, overlaid with the
 * chunks that the store has.  Neither may be in use, and nothing is written to them.
 *
 * Memory: 24 bytes a run of chunks that follow each other on both devices.
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
	/* Reads all of @data, which is inside; false: unreadable.  From any threads at once. */
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
	/* By old_chunk; they do not overlap. */
	std::vector<Run> runs_;
};

} // namespace dmsnap::tool
