// SPDX-License-Identifier: GPL-2.0-only
#include "store/committed_list.hpp"

#include <algorithm>

namespace dmsnap::tool {

bool CommittedList::read(uint64_t offset, std::span<std::byte> data)
{
	if (!store_.read(offset, data))
		return false;
	NewChunk chunk{offset / geometry_.chunk_size().bytes()};
	if (chunk == format::header_chunk)
		return true;

	uint64_t slot = offset % geometry_.chunk_size().bytes() / format::exception_bytes;
	uint64_t first = geometry_.area_of(chunk) * geometry_.exceptions_per_area() + slot;
	uint64_t kept = entries_ > first ? entries_ - first : 0;
	if (kept < data.size() / format::exception_bytes)
		std::ranges::fill(data.subspan(kept * format::exception_bytes), std::byte{0});
	return true;
}

} // namespace dmsnap::tool
