// SPDX-License-Identifier: GPL-2.0-only
/*
 * ChunkSet: a set of chunks with limited memory, wherever the chunks are: a few
 * bytes for each isolated one, one bit where they are dense, and a few bytes for each
 * stretch.  The bitmaps are CRoaring's.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

struct roaring_bitmap_s;

namespace dmsnap::tool {

/* The memory that several sets may take together.  Outlives them. */
class ChunkBudget {
public:
	explicit ChunkBudget(size_t bytes) : left_(bytes) {}

	/* For a set that took @from until now; false: not enough is left. */
	bool change(size_t from, size_t to)
	{
		if (to > left_ + from)
			return false;
		left_ += from - to;
		return true;
	}
	size_t left() const { return left_; }

private:
	size_t left_;
};

class ChunkSet {
public:
	explicit ChunkSet(ChunkBudget &budget) : budget_(&budget) {}
	ChunkSet(ChunkSet &&) noexcept = default;

	bool contains(uint64_t chunk) const;
	/*
	 * False: no room, now and from now on; then the chunk may be in the set or not.
	 * The limit may be exceeded by an eighth before that is noticed.
	 */
	bool insert(uint64_t chunk);
	/* @count > 0. */
	bool insert(uint64_t first, uint64_t count);
	uint64_t size() const;
	/* Calls @range(first chunk, count) for each stretch, in order. */
	void for_each_range(const std::function<void(uint64_t, uint64_t)> &range) const;

private:
	struct Free {
		void operator()(roaring_bitmap_s *bitmap) const;
	};
	/* Of the chunks whose numbers have the same upper 32 bits. */
	using Bitmap = std::unique_ptr<roaring_bitmap_s, Free>;

	roaring_bitmap_s *bitmap_of(uint64_t chunk);
	bool pay();

	ChunkBudget *budget_;
	std::map<uint32_t, Bitmap> bitmaps_;
	size_t paid_ = 0;
	/* The memory in use is checked after this many calls, because that takes time. */
	size_t calls_left_ = 0;
	bool is_full_ = false;
};

} // namespace dmsnap::tool
