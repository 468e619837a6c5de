// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>

namespace dmsnap {

/* What messages set, and a handover passes on.  Origin's lock. */
struct Tunables {
	/* Chunks; 0: the module's parameter. */
	uint32_t in_flight = 0;
	/* Where a number stands for "as the module's parameter says". */
	static constexpr uint32_t as_module = UINT32_MAX;
	/* Percent of the COW device; 0: none. */
	uint32_t low_water = as_module;
	/* KiB copied ahead at a time. */
	uint32_t copy_ahead = as_module;
	enum class Stall : uint8_t { as_table, on, off } stall = Stall::as_table;
};

} // namespace dmsnap
