// SPDX-License-Identifier: GPL-2.0-only
/* CollectChunks: collects the origin chunks that are in a store. */
#pragma once

#include "store/chunk_set.hpp"
#include "store/store_reader.hpp"
#include "system/failure.hpp"

namespace dmsnap::tool {

class CollectChunks final : public StoreVisitor {
public:
	explicit CollectChunks(size_t memory_bytes) : budget_(memory_bytes) {}

	void entry(const EntryPlace &place, bool good) override
	{
		if (good && !chunks.insert(place.exception.old_chunk.value))
			throw Failure(
				"not enough memory for all changed chunks; allow more (--memory)");
	}

private:
	ChunkBudget budget_;

public:
	ChunkSet chunks{budget_};
};

} // namespace dmsnap::tool
