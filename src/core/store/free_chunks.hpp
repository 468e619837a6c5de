// SPDX-License-Identifier: GPL-2.0-only
/*
 * FreeChunks: the free data chunks of a persistent store: all from next_free() on, and the holes
 * below it.
 *
 * Runs are recorded in the order in which their copies end, not in the order of their chunks.  So
 * a crash can leave unused chunks below one that is in use.  Loading the store finds these holes,
 * and they are allocated first, so no chunk leaks.
 *
 * Locking: the caller's.
 */
#pragma once

#include <cstdint>

#include "base/chunk.hpp"
#include "base/error.hpp"
#include "base/ordered_tree.hpp"
#include "base/own.hpp"
#include "format/geometry.hpp"
#include "store/exception_store.hpp"

namespace dmsnap {

class FreeChunks {
public:
	/* May sleep. */
	static Result<Owned<FreeChunks>> create(const format::Geometry &geometry);
	FreeChunks(CreateKey<FreeChunks>, const format::Geometry &geometry);
	~FreeChunks();

	/*
	 * While loading: @chunk is in use.
	 * Errors: new_chunk_is_metadata, new_chunk_duplicate, no_memory.
	 */
	Status use(NewChunk chunk)
	{
		/* The common case. */
		if (chunk == next_free_) {
			set_next_free(chunk + 1);
			return {};
		}
		return use_out_of_order(chunk);
	}

	/*
	 * Allocates up to @wanted (> 0) contiguous chunks below @end; none if none is free.
	 * Context: any.
	 */
	NewChunks take(uint64_t wanted, NewChunk end);

	/* How many chunks below @end are free. */
	uint64_t count(NewChunk end) const;

	/* Never a metadata chunk. */
	NewChunk next_free() const { return next_free_; }

private:
	/* Begins with a data chunk; metadata chunks inside are not free. */
	struct Hole {
		NewChunk begin;
		NewChunk end;
		TreeHook link;
	};
	static uint64_t begin_of(const Hole &hole) { return hole.begin.value; }

	/* Advances next_free_ to the first data chunk from @chunk on. */
	void set_next_free(NewChunk chunk)
	{
		if (chunk >= metadata_) {
			chunk = geometry_.data_chunk_from(chunk);
			metadata_ = geometry_.data_run_end(chunk);
		}
		next_free_ = chunk;
	}
	Status use_out_of_order(NewChunk chunk);
	Status add_hole(NewChunk begin, NewChunk end);
	void shrink(Hole &hole, NewChunk begin);

	format::Geometry geometry_;
	Pool<Hole> pool_;
	NewChunk next_free_;
	/* The first metadata chunk after next_free_. */
	NewChunk metadata_;
	OrderedTree<Hole, &Hole::link, begin_of> holes_;
	/* Data chunks in all holes. */
	uint64_t in_holes_ = 0;
};

} // namespace dmsnap
