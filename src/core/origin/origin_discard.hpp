// SPDX-License-Identifier: GPL-2.0-only
/*
 * OriginDiscard: a discard of an origin that has snapshots.
 *
 * A discard is a hint.  What every snapshot calls safe is discarded on the origin's device,
 * piece by piece; the rest is left as it is.  So no discard copies anything, no COW space is
 * spent on it, and nothing that a snapshot shows is lost:
 *
 *   - A piece is asked for under the origin's lock, by the rule that lets writes pass.  Safe is
 *     a stable answer but for a snapshot that comes later.
 *   - A snapshot that comes while the discard is under way may show its sectors as they were
 *     before or after, as with a write that is under way.  dm suspends the origin first, which
 *     waits for both.
 *   - On a device that merges a snapshot, a chunk that is still to be merged may be discarded
 *     and is merged after that: it reads as it did, which a discard permits.
 *
 * Pieces are submitted by a worker of their own: writeback throttling makes a submitter of
 * discards sleep, and copies must not wait for that.  During a suspend the rest is left alone.
 *
 * A crash leaves each sector discarded or not, which is all that a discard promises.
 *
 * Lives in the space beside the bio, with the Io first, as for any bio.
 */
#pragma once

#include "base/worker.hpp"
#include "origin/origin.hpp"

namespace dmsnap {

class OriginDiscard {
public:
	/* @device: the origin's, as the target has it open. */
	OriginDiscard(Origin &origin, dmsnap_device *device, dmsnap_bio *bio,
		      const dmsnap_bio_desc &desc)
	    : io_(bio, desc, origin.writes()), origin_(origin), device_(device), at_(desc.sector)
	{
	}

	/* Ends the bio some time. */
	void start();

private:
	/* Begins the next piece, or ends the bio.  The origin's worker. */
	void step();
	/* The worker for discards. */
	void submit();

	Io io_;
	Origin &origin_;
	dmsnap_device *device_;
	/* What is in front of it is done. */
	uint64_t at_;
	/* The piece that is to be discarded ends here. */
	uint64_t end_ = 0;
	MethodTask<OriginDiscard, &OriginDiscard::step> step_task_{*this};
	MethodTask<OriginDiscard, &OriginDiscard::submit> submit_task_{*this};
};

} // namespace dmsnap
