// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>

namespace dmsnap {

struct PendingRun;

/* What an origin write has to know of a snapshot at some sector. */
struct CopyState {
	enum class Kind : uint8_t {
		/* The origin may be overwritten. */
		safe,
		/* The snapshot lacks the chunk. */
		missing,
		/* It is about to have it: see run. */
		pending,
		/* It lacks it, and is failing, or its store changes hands: see wait_while_unavailable(). */
		unavailable,
		/* It lacks it, and has no room: see its stall. */
		no_room,
	};

	Kind kind = Kind::safe;
	/* This holds up to here. */
	uint64_t until = 0;
	PendingRun *run = nullptr;
};

} // namespace dmsnap
