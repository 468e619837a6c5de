// SPDX-License-Identifier: GPL-2.0-only
/* Survey: what all snapshots of an origin together say of a sector.  Origin's own. */
#pragma once

#include "origin/origin.hpp"
#include "snapshot/snapshot.hpp"

namespace dmsnap {

struct Origin::Survey {
	CopyState::Kind kind;
	/* As far as this holds; if chunks are missing, as far as one of them reaches. */
	uint64_t until;
	PendingRun *run;
	/* That is unavailable, or has no room. */
	Snapshot *snapshot;
};

} // namespace dmsnap
