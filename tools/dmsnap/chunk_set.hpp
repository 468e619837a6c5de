// SPDX-License-Identifier: GPL-2.0-only
/*
 * ChunkSet: a set of chunks of no more than so much memory, wherever the chunks are: few
 * bytes for each that is alone, one bit where they lie together, and a few bytes for each
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

/* What several sets may take together.  It lives longer than these. */
class ChunkBudget {
public:
	explicit ChunkBudget(size_t bytes) : left_(bytes) {}

	/* Of a set that took @from until now; false: not so much is left. */
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
	 * False: there is no more room, now and for each further one; then it may be in or not.
	 * An eighth more than there is room for may be used before that is noticed.
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
	/* After so many calls the memory in use is looked at: that takes time. */
	size_t calls_left_ = 0;
	bool is_full_ = false;
};

} // namespace dmsnap::tool
