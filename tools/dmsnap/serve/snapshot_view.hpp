// SPDX-License-Identifier: GPL-2.0-only
/*
 * SnapshotView: what a snapshot shows, without a driver: the origin, and in its place the
 * chunks that the store has.  Neither may be in use, and nothing is written to them.
 *
 * Memory: 24 bytes a run of chunks that follow each other on both devices.
 */
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "commands.hpp"
#include "store_source.hpp"

namespace dmsnap::tool {

class SnapshotView {
public:
	/* Throws a Failure for what cannot be relied on. */
	explicit SnapshotView(const StoreOptions &options);

	uint64_t bytes() const { return source_.origin->bytes(); }
	/* All of @data, which lies inside; false: it cannot be read.  By any thread, also at once. */
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
	/* By old_chunk; none has a chunk of another. */
	std::vector<Run> runs_;
};

} // namespace dmsnap::tool
