// SPDX-License-Identifier: GPL-2.0-only
#include "store/cow_size.hpp"

#include <algorithm>
#include <cmath>

#include "format/geometry.hpp"

namespace dmsnap::tool {

ChangedChunks changed_chunks(const Load &load, uint64_t chunk_bytes)
{
	auto chunk = static_cast<double>(chunk_bytes);
	double chunks = std::ceil(load.volume_bytes / chunk);
	double writes = load.written_bytes / load.write_bytes;
	double touched = writes * std::max(std::ceil(load.write_bytes / chunk), 1.0);

	if (chunks == 0)
		return {};
	return {
		.at_most = std::ceil(std::min(chunks, touched)),
		/*
		 * Each of n chunks is missed by m random writes with (1 - 1/n)^m, about e^(-m/n).
		 */
		.by_chance = std::ceil(-chunks * std::expm1(-touched / chunks)),
	};
}

uint64_t cow_bytes(uint64_t exceptions, uint64_t chunk_bytes)
{
	format::Geometry geometry(ChunkSize(static_cast<uint32_t>(chunk_bytes / sector_bytes)));
	return geometry.chunks_for(exceptions) * chunk_bytes;
}

} // namespace dmsnap::tool
