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
 * Reads all of them: a disk that can choose among many reads completes all of them much
 * sooner.  Throws the Failure of one that fails.
 */
void read_pieces(std::span<const ReadPiece> pieces);

} // namespace dmsnap::tool
