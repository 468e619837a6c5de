// SPDX-License-Identifier: GPL-2.0-only
/* Reads of many places, which are done beside each other. */
#pragma once

#include "volume.hpp"

namespace dmsnap::tool {

struct ReadPiece {
	Volume *volume;
	uint64_t offset;
	std::span<std::byte> data;
};

/*
 * Reads all of them: a disk that has many reads at a time to choose from is done with all much
 * sooner.  Throws the Failure of one that fails.
 */
void read_pieces(std::span<const ReadPiece> pieces);

} // namespace dmsnap::tool
