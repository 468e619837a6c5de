// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>

namespace dmsnap {

struct PendingRun;

/* What an origin write must know about a snapshot at some sector. */
struct CopyState {
	enum class Kind : uint8_t {
		/* The origin may be overwritten. */
		safe,
		/* The snapshot lacks the chunk. */
		missing,
		/* A copy of the chunk is pending: see run. */
		pending,
		/*
		 * The chunk is missing, and the snapshot is failing or its store is being handed
		 * over: see wait_while_unavailable().
		 */
		unavailable,
		/* The chunk is missing, and the COW device has no room: see Stall. */
		no_room,
	};

	Kind kind = Kind::safe;
	/* The sector up to which the answer holds. */
	uint64_t until = 0;
	PendingRun *run = nullptr;
};

} // namespace dmsnap
