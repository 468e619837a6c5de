// SPDX-License-Identifier: GPL-2.0-only
/* Survey: the combined answer of all snapshots of an origin for a sector.  Internal to Origin. */
#pragma once

#include "origin/origin.hpp"
#include "snapshot/snapshot.hpp"

namespace dmsnap {

struct Origin::Survey {
	CopyState::Kind kind;
	/*
	 * How far the answer holds; if chunks are missing, the end of the one that reaches
	 * furthest.
	 */
	uint64_t until;
	PendingRun *run;
	/* The snapshot that is unavailable, or has no room. */
	Snapshot *snapshot;
};

} // namespace dmsnap
