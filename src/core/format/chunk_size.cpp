// SPDX-License-Identifier: GPL-2.0-only
/* Which chunk sizes are allowed: see chunk_size.hpp. */
#include "format/chunk_size.hpp"
#include "base/min_max.hpp"

namespace dmsnap::format {

namespace {

/* Not std::has_single_bit(), which may call a library function to count the bits. */
constexpr bool is_power_of_2(uint32_t value)
{
	return value != 0 && (value & (value - 1)) == 0;
}

} // namespace

Status check_chunk_size(uint32_t sectors, const BlockSizes &blocks)
{
	if (!is_power_of_2(sectors))
		return fail(Error::chunk_size_not_power_of_2);
	if (sectors % blocks.cow_sectors != 0 || sectors % blocks.origin_sectors != 0)
		return fail(Error::chunk_size_not_of_blocks);
	if (sectors > chunk_sectors_max)
		return fail(Error::chunk_size_too_high);
	return {};
}

uint32_t default_chunk_sectors(const BlockSizes &blocks)
{
	constexpr uint32_t usual = 32;
	return larger(blocks.cow_sectors, usual);
}

} // namespace dmsnap::format
