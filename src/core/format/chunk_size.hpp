// SPDX-License-Identifier: GPL-2.0-only
/*
 * The chunk sizes that a store may have, given its two devices.  The same rules hold for a table
 * line and for a header.
 */
#pragma once

#include <cstdint>

#include "base/error.hpp"

namespace dmsnap::format {

/* Logical block sizes of the two devices, in sectors, > 0. */
struct BlockSizes {
	uint32_t origin_sectors = 1;
	uint32_t cow_sectors = 1;
};

/* 1 GiB: the largest power of two whose bytes fit in a signed 32-bit number. */
constexpr uint32_t chunk_sectors_max = 1u << 21;

/*
 * Errors, in this order: chunk_size_not_power_of_2 (0 too),
 * chunk_size_not_of_blocks, chunk_size_too_high.
 */
Status check_chunk_size(uint32_t sectors, const BlockSizes &blocks);

/*
 * The chunk size of a new store if the table line gives none: 16 KiB, or the COW device's logical
 * block if that is larger.  The result must be checked like any other.
 */
uint32_t default_chunk_sectors(const BlockSizes &blocks);

} // namespace dmsnap::format
