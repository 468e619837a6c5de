// SPDX-License-Identifier: GPL-2.0-only
/*
 * Applies a stream to a volume, for apply and other commands.
 *
 * A volume that is changed in place is marked until the end (half_applied.hpp).
 *
 * Before a piece is overwritten the copy must hold the snapshot's contents there, or the new
 * contents already.  So a stream for another copy, or one out of order, is refused, and a stream
 * may be applied twice.
 */
#pragma once

#include "cli/commands.hpp"
#include "stream/change_stream.hpp"
#include "system/volume.hpp"

namespace dmsnap::tool {

struct Applied {
	uint64_t written_bytes = 0;
	uint64_t there_bytes = 0;
	/* It was a stream of --undo without its end, which undid everything nevertheless. */
	bool lacks_end = false;
};

/* The target; a new image file if there is none and the stream is a full one. */
Volume open_target(const ApplyOptions &options, const StreamInfo &info);

/*
 * Applies the whole stream.  A @copy, if there is one, is written instead of @target.  A new
 * target has no name yet after this.
 */
Applied apply_stream(StreamReader &stream, const ApplyOptions &options, Volume &target,
		     Volume *copy = nullptr);

} // namespace dmsnap::tool
