// SPDX-License-Identifier: GPL-2.0-only
/*
 * ChunkSet: which chunk numbers were seen, within a limit of memory whatever a
 * hostile store makes of them.  Numbers that lie together cost one bit each.
 */
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

namespace dmsnap::tool {

class ChunkSet {
public:
	explicit ChunkSet(size_t memory_bytes) : pages_max_(memory_bytes / page_cost) {}

	/* False: no memory is left for it, and it is not in the set. */
	bool insert(uint64_t chunk);
	bool contains(uint64_t chunk);
	uint64_t size() const { return size_; }
	/* Calls @range(begin, count) for each stretch, in order. */
	void for_each_range(const std::function<void(uint64_t, uint64_t)> &range) const;

private:
	static constexpr uint64_t page_bits = 4096;
	using Page = std::array<uint64_t, page_bits / 64>;
	/* With its node in the map, roughly. */
	static constexpr size_t page_cost = sizeof(Page) + 96;

	/* The page of a chunk, or nullptr. */
	Page *find(uint64_t number);

	std::map<uint64_t, std::unique_ptr<Page>> pages_;
	size_t pages_max_;
	uint64_t size_ = 0;
	/* The page that was used last: most numbers come in order. */
	uint64_t last_number_ = UINT64_MAX;
	Page *last_ = nullptr;
};

} // namespace dmsnap::tool
