// SPDX-License-Identifier: GPL-2.0-only
/* Sizes of the machine's devices and chunks, in sectors. */
#pragma once

#include <cstdint>

namespace dmsnap::sim {

inline constexpr unsigned int chunk_sizes[] = {1, 2, 4, 8, 16, 128};
inline constexpr uint64_t sector_bytes = 512;

constexpr uint64_t rounded_down(uint64_t sectors, uint64_t unit)
{
	return sectors - sectors % unit;
}

constexpr uint64_t rounded_up(uint64_t sectors, uint64_t unit)
{
	return rounded_down(sectors + unit - 1, unit);
}

} // namespace dmsnap::sim
