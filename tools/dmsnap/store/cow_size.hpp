// SPDX-License-Identifier: GPL-2.0-only
/* CowSize: how large a COW device must be. */
#pragma once

#include <cstdint>

namespace dmsnap::tool {

/* The writes to a volume while it has a snapshot. */
struct Load {
	double volume_bytes = 0;
	double written_bytes = 0;
	/* The size of one write, which begins at a multiple of it. */
	double write_bytes = 4096;
};

struct ChangedChunks {
	/* If each write touches another chunk, as long as the volume has more. */
	double at_most = 0;
	/* If all chunks are written with equal probability. */
	double by_chance = 0;
};

ChangedChunks changed_chunks(const Load &load, uint64_t chunk_bytes);

/* The bytes of a COW device for this many exceptions, including header and areas. */
uint64_t cow_bytes(uint64_t exceptions, uint64_t chunk_bytes);

} // namespace dmsnap::tool
