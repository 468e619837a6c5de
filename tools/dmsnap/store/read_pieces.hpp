// SPDX-License-Identifier: GPL-2.0-only
/* Parallel reads of many places. */
#pragma once

#include "system/volume.hpp"

namespace dmsnap::tool {

struct ReadPiece {
	Volume *volume;
	uint64_t offset;
	std::span<std::byte> data;
};

/*
 * Reads all pieces in parallel; a disk with many reads in its queue can order them, and is much
 * faster.  Throws the Failure of a piece that fails.
 */
void read_pieces(std::span<const ReadPiece> pieces);

} // namespace dmsnap::tool
