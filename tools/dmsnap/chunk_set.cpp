// SPDX-License-Identifier: GPL-2.0-only
#include "chunk_set.hpp"

namespace dmsnap::tool {

ChunkSet::Page *ChunkSet::find(uint64_t number)
{
	if (number != last_number_) {
		auto found = pages_.find(number);
		last_ = found == pages_.end() ? nullptr : found->second.get();
		last_number_ = number;
	}
	return last_;
}

bool ChunkSet::contains(uint64_t chunk)
{
	const Page *page = find(chunk / page_bits);
	return page && (*page)[chunk % page_bits / 64] >> chunk % 64 & 1;
}

bool ChunkSet::insert(uint64_t chunk)
{
	uint64_t number = chunk / page_bits;
	if (!find(number)) {
		if (pages_.size() >= pages_max_)
			return false;
		last_ = pages_.emplace(number, std::make_unique<Page>()).first->second.get();
	}
	uint64_t &word = (*last_)[chunk % page_bits / 64];
	uint64_t bit = uint64_t{1} << chunk % 64;
	size_ += !(word & bit);
	word |= bit;
	return true;
}

void ChunkSet::for_each_range(const std::function<void(uint64_t, uint64_t)> &range) const
{
	uint64_t begin = 0, count = 0;
	for (const auto &[number, page] : pages_) {
		for (uint64_t bit = 0; bit < page_bits; bit++) {
			if (bit % 64 == 0 && (*page)[bit / 64] == 0) {
				bit += 63;
				continue;
			}
			if (!((*page)[bit / 64] >> bit % 64 & 1))
				continue;
			uint64_t chunk = number * page_bits + bit;
			if (count && chunk == begin + count) {
				count++;
				continue;
			}
			if (count)
				range(begin, count);
			begin = chunk;
			count = 1;
		}
	}
	if (count)
		range(begin, count);
}

} // namespace dmsnap::tool
