// SPDX-License-Identifier: GPL-2.0-only
/*
 * DiscardWalk: a discard of the snapshot, seen through from one end to the other
 * (a discard that dm has duplicated cannot be cut).  Whole chunks that the
 * snapshot has are zeroed on the COW device, parts of such chunks are discarded
 * there, and the rest is nothing: those chunks go on reading as the origin.
 *
 * Lives in the space beside the bio, with the Io first, as for any bio.
 */
#pragma once

#include "base/worker.hpp"
#include "io/io.hpp"

namespace dmsnap {

class Snapshot;

struct DiscardWalk {
	DiscardWalk(Snapshot &of, dmsnap_bio *bio, const dmsnap_bio_desc &desc);

	/* Begins the next I/O, or ends the bio.  Worker. */
	void step();

	Io io;
	Snapshot &snapshot;
	/* What is in front of it is done. */
	uint64_t at;
	MethodTask<DiscardWalk, &DiscardWalk::step> step_task{*this};
};

} // namespace dmsnap
