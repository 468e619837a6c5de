// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>

namespace dmsnap {

/* Set by messages, and passed on in a handover. */
struct Tunables {
	/* Chunks; 0: as the module's parameter. */
	uint32_t in_flight = 0;
	/* Means "as the module's parameter". */
	static constexpr uint32_t as_module = UINT32_MAX;
	/* Percent of the COW device; 0: none. */
	uint32_t low_water = as_module;
	/* KiB copied ahead at a time. */
	uint32_t copy_ahead = as_module;
	enum class Stall : uint8_t { as_table, on, off } stall = Stall::as_table;
};

} // namespace dmsnap
