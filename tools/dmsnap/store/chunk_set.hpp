// SPDX-License-Identifier: GPL-2.0-only
/*
 * ChunkSet: a set of chunks in limited memory, wherever the chunks are.  An isolated chunk takes
 * a few bytes, one in a dense area a bit, and a stretch a few bytes.  The bitmaps are CRoaring's.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

struct roaring_bitmap_s;

namespace dmsnap::tool {

/* The memory that several sets may take together.  It must outlive them. */
class ChunkBudget {
public:
	explicit ChunkBudget(size_t bytes) : left_(bytes) {}

	/* For a set that took @from until now.  Returns false if not enough is left. */
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
	 * Returns false if there is no room, now and from now on; the chunk may be in the set or
	 * not.  The limit may be exceeded by an eighth before that is noticed.
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
	/* The chunks whose numbers have the same upper 32 bits. */
	using Bitmap = std::unique_ptr<roaring_bitmap_s, Free>;

	roaring_bitmap_s *bitmap_of(uint64_t chunk);
	bool pay();

	ChunkBudget *budget_;
	std::map<uint32_t, Bitmap> bitmaps_;
	size_t paid_ = 0;
	/* How many calls may follow before the memory in use is computed, which takes time. */
	size_t calls_left_ = 0;
	bool is_full_ = false;
};

} // namespace dmsnap::tool
