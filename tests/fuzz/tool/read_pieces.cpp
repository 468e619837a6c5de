// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replaces store/read_pieces.cpp, which starts threads: for a few pieces in memory that takes longer
 * than reading them.  tests/tools/read_pieces_test.cpp tests the real code.
 */
#include "store/read_pieces.hpp"

namespace dmsnap::tool {

void read_pieces(std::span<const ReadPiece> pieces)
{
	for (const ReadPiece &piece : pieces)
		piece.volume->read_all(piece.offset, piece.data);
}

} // namespace dmsnap::tool
