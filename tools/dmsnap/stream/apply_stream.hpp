// SPDX-License-Identifier: GPL-2.0-only
/*
 * Applying a stream to a volume, for apply and other commands.
 *
 * While the volume itself is changed, it is marked (half_applied.hpp).
 *
 * Before a piece is overwritten the copy must hold the snapshot's contents there,
 * or already the new ones.  So a stream for another copy, or one out of
 * turn, is refused, and a stream may be applied twice.
 */
#pragma once

#include "cli/commands.hpp"
#include "stream/change_stream.hpp"
#include "system/volume.hpp"

namespace dmsnap::tool {

struct Applied {
	uint64_t written_bytes = 0;
	uint64_t there_bytes = 0;
	/* The stream was that of --undo without an end, and led back nevertheless. */
	bool lacks_end = false;
};

/* The target; a new image file, if there is none and the stream is a full one. */
Volume open_target(const ApplyOptions &options, const StreamInfo &info);

/*
 * All of the stream; @copy, if there is one, is written to in place of @target.  What is new
 * has no name yet, then.
 */
Applied apply_stream(StreamReader &stream, const ApplyOptions &options, Volume &target,
		     Volume *copy = nullptr);

} // namespace dmsnap::tool
