// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <dmsnap/port/device.h>
#include <dmsnap/port/memory.h>

#include "base/chunk.hpp"
#include "base/min_max.hpp"

namespace dmsnap {

/*
 * Sectors of the first block of @cow that one I/O with one page may cover.  A device that got larger
 * blocks since it was opened fails that I/O.
 */
inline uint64_t first_block_sectors(const dmsnap_device *cow)
{
	return smaller(uint64_t{dmsnap_port_device_block_sectors(cow)},
		       uint64_t{DMSNAP_PAGE_SIZE / sector_bytes});
}

} // namespace dmsnap
