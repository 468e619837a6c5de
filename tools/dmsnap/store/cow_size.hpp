// SPDX-License-Identifier: GPL-2.0-only
/* CowSize: how large a COW device must be. */
#pragma once

#include <cstdint>

namespace dmsnap::tool {

/* The writes to a volume while it has a snapshot. */
struct Load {
	double volume_bytes = 0;
	double written_bytes = 0;
	/* In one write, which begins at a multiple of its size. */
	double write_bytes = 4096;
};

struct ChangedChunks {
	/* If no chunk is written to twice, as far as the volume has others. */
	double at_most = 0;
	/* If all chunks are equally likely. */
	double by_chance = 0;
};

ChangedChunks changed_chunks(const Load &load, uint64_t chunk_bytes);

/* Bytes of a COW device for this many exceptions, with header and areas. */
uint64_t cow_bytes(uint64_t exceptions, uint64_t chunk_bytes);

} // namespace dmsnap::tool
