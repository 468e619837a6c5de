// SPDX-License-Identifier: GPL-2.0-only
/*
 * OriginDiscard: a discard of an origin that has snapshots.
 *
 * A discard is a hint.  What every snapshot calls safe is discarded on the origin's device, piece
 * by piece, and the rest is left as it is.  So a discard copies nothing, uses no COW space, and
 * loses nothing that a snapshot shows:
 *
 *   - A piece is looked up under the origin's lock, by the rule that lets writes pass.  The
 *     answer "safe" stays valid until another snapshot is added.
 *   - A snapshot that is added while the discard is under way may show its sectors as they were
 *     before or after it, as with a write under way.  dm suspends the origin first, which waits
 *     for both.
 *   - On a snapshot-merge device, a chunk that is not merged yet may be discarded and then
 *     merged: it reads as before the discard, which a discard permits.
 *
 * A separate worker submits the pieces: writeback throttling may make the submitter of a discard
 * sleep, and copies must not wait for that.  Once a suspend begins, the rest is left alone.
 *
 * After a crash each sector is discarded or not, which is all that a discard promises.
 *
 * Lives in the per-bio data, with the Io first, as for any bio.
 */
#pragma once

#include "base/continuation.hpp"
#include "origin/origin.hpp"

namespace dmsnap {

class OriginDiscard {
public:
	/* @device: the origin device that the target has open. */
	OriginDiscard(Origin &origin, dmsnap_device *device, dmsnap_bio *bio,
		      const dmsnap_bio_desc &desc)
	    : io_(bio, desc, origin.writes()), origin_(origin), device_(device), at_(desc.sector)
	{
	}

	/* The bio is ended later. */
	void start();

private:
	/*
	 * Starts the next piece, or ends the bio.  @error: of the piece before.  The origin's
	 * worker.
	 */
	void step(int error);
	/* The worker for discards. */
	void submit();

	Io io_;
	Origin &origin_;
	dmsnap_device *device_;
	/* Sectors below this are done. */
	uint64_t at_;
	/* End of the piece to discard. */
	uint64_t end_ = 0;
	Continuation<OriginDiscard, &OriginDiscard::step> step_task_{*this};
	MethodTask<OriginDiscard, &OriginDiscard::submit> submit_task_{*this};
};

} // namespace dmsnap
