// SPDX-License-Identifier: GPL-2.0-only
/*
 * FreeChunks: which data chunks of a persistent store are free: all from
 * next_free() on, and the holes below it.
 *
 * Runs are recorded in the order in which their copies end, not in that of their
 * chunks.  A crash can therefore leave chunks that nobody uses below one that is
 * in use.  They are found again when the store is loaded, and handed out first;
 * so nothing leaks.
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
	/* Private to create(). */
	explicit FreeChunks(const format::Geometry &geometry);
	~FreeChunks();

	/*
	 * While loading: @chunk is in use.
	 * Errors: new_chunk_is_metadata, new_chunk_duplicate, no_memory.
	 */
	Status use(NewChunk chunk)
	{
		/* As most are. */
		if (chunk == next_free_) {
			set_next_free(chunk + 1);
			return {};
		}
		return use_out_of_order(chunk);
	}

	/*
	 * Takes up to @wanted (> 0) chunks below @end that lie together; none if
	 * there is none.  Context: any.
	 */
	NewChunks take(uint64_t wanted, NewChunk end);

	/* How many take() has for @end. */
	uint64_t count(NewChunk end) const;

	/* Never a metadata chunk. */
	NewChunk next_free() const { return next_free_; }

private:
	/* Begins with a data chunk; metadata chunks inside do not count. */
	struct Hole {
		NewChunk begin;
		NewChunk end;
		TreeHook link;
	};
	static uint64_t begin_of(const Hole &hole) { return hole.begin.value; }

	/* The first data chunk from @chunk on, which is behind next_free_. */
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
	/* The first metadata chunk behind it. */
	NewChunk metadata_;
	OrderedTree<Hole, &Hole::link, begin_of> holes_;
	/* Data chunks in them. */
	uint64_t in_holes_ = 0;
};

} // namespace dmsnap
