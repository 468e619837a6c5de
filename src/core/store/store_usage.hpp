// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>

namespace dmsnap {

/* How much of the COW device a store uses. */
struct StoreUsage {
	uint64_t allocated_sectors = 0;
	uint64_t total_sectors = 0;
	uint64_t metadata_sectors = 0;
};

} // namespace dmsnap
