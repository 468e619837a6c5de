// SPDX-License-Identifier: GPL-2.0-only
#include "store/chunk_set.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <span>

#include <roaring/roaring.h>

namespace dmsnap::tool {
namespace {

/* With the overhead of malloc() and of growing arrays. */
constexpr size_t container_cost = 96, bitmap_cost = 256;
/* The most that a call takes: a bitmap, a container, and an array of twice the size. */
constexpr size_t call_cost = 1024;

} // namespace

void ChunkSet::Free::operator()(roaring_bitmap_s *bitmap) const
{
	roaring_bitmap_free(bitmap);
}

roaring_bitmap_s *ChunkSet::bitmap_of(uint64_t chunk)
{
	Bitmap &bitmap = bitmaps_[static_cast<uint32_t>(chunk >> 32)];
	if (!bitmap)
		bitmap.reset(roaring_bitmap_create());
	if (!bitmap)
		throw std::bad_alloc();
	return bitmap.get();
}

bool ChunkSet::contains(uint64_t chunk) const
{
	auto found = bitmaps_.find(static_cast<uint32_t>(chunk >> 32));
	return found != bitmaps_.end() &&
	       roaring_bitmap_contains(found->second.get(), static_cast<uint32_t>(chunk));
}

/* So rarely that it adds the cost of at most 8 containers to a call. */
bool ChunkSet::pay()
{
	size_t bytes = 0, containers = 0;

	if (is_full_)
		return false;
	if (calls_left_--)
		return true;
	for (const auto &[upper, bitmap] : bitmaps_) {
		roaring_statistics_t now;
		roaring_bitmap_statistics(bitmap.get(), &now);
		containers += now.n_containers;
		bytes += bitmap_cost + now.n_containers * container_cost +
			 2 * (size_t{now.n_bytes_array_containers} + now.n_bytes_run_containers) +
			 now.n_bytes_bitset_containers;
	}
	is_full_ = !budget_->change(paid_, bytes);
	if (is_full_)
		return false;
	paid_ = bytes;
	calls_left_ = std::max((containers + bitmaps_.size()) / 8, budget_->left() / call_cost);
	return true;
}

bool ChunkSet::insert(uint64_t chunk)
{
	if (!pay())
		return false;
	roaring_bitmap_add(bitmap_of(chunk), static_cast<uint32_t>(chunk));
	return true;
}

bool ChunkSet::insert(uint64_t first, uint64_t count)
{
	uint64_t last = first + count - 1;

	while (pay()) {
		uint64_t end = std::min(last, first | UINT32_MAX);
		roaring_bitmap_add_range_closed(bitmap_of(first), static_cast<uint32_t>(first),
						static_cast<uint32_t>(end));
		if (end == last)
			return true;
		first = end + 1;
	}
	return false;
}

uint64_t ChunkSet::size() const
{
	uint64_t size = 0;
	for (const auto &[upper, bitmap] : bitmaps_)
		size += roaring_bitmap_get_cardinality(bitmap.get());
	return size;
}

void ChunkSet::for_each_range(const std::function<void(uint64_t, uint64_t)> &range) const
{
	struct FreeIterator {
		void operator()(roaring_uint32_iterator_t *at) const
		{
			roaring_free_uint32_iterator(at);
		}
	};
	uint64_t begin = 0, count = 0;
	auto add = [&](uint64_t chunk) {
		if (count && chunk == begin + count) {
			count++;
			return;
		}
		if (count)
			range(begin, count);
		begin = chunk;
		count = 1;
	};

	for (const auto &[upper, bitmap] : bitmaps_) {
		std::unique_ptr<roaring_uint32_iterator_t, FreeIterator> at(
			roaring_create_iterator(bitmap.get()));
		if (!at)
			throw std::bad_alloc();
		std::array<uint32_t, 1024> lower;
		while (uint32_t read =
			       roaring_read_uint32_iterator(at.get(), lower.data(), lower.size())) {
			for (uint32_t one : std::span(lower).first(read))
				add(uint64_t{upper} << 32 | one);
		}
	}
	if (count)
		range(begin, count);
}

} // namespace dmsnap::tool
