// SPDX-License-Identifier: GPL-2.0-only
/*
 * DiscardWalk: carries out a discard of the snapshot from beginning to end, because a discard
 * that dm has duplicated cannot be split.  Whole chunks that the snapshot has are zeroed on the
 * COW device, and parts of such chunks are discarded there.  Chunks that the snapshot does not
 * have are left alone: they still read as the origin.
 *
 * Lives in the per-bio data, with the Io first, as for any bio.
 */
#pragma once

#include "base/continuation.hpp"
#include "io/io.hpp"

namespace dmsnap {

class Snapshot;

struct DiscardWalk {
	DiscardWalk(Snapshot &of, dmsnap_bio *bio, const dmsnap_bio_desc &desc);

	/* Submits the next I/O, or ends the bio.  @error: of the I/O before.  Worker. */
	void step(int error);

	Io io;
	Snapshot &snapshot;
	/* Sectors below this are done. */
	uint64_t at;
	Continuation<DiscardWalk, &DiscardWalk::step> step_task{*this};
};

} // namespace dmsnap
