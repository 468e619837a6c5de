// SPDX-License-Identifier: GPL-2.0-only
/*
 * Capacities of the nodes of an ExceptionTable.  They are a parameter of the table, so that tests
 * can build tables of several levels with a few dozen chunks.  The driver uses PageSizes.
 */
#pragma once

#include <cstddef>
#include <cstdint>

#include <dmsnap/port/memory.h>

namespace dmsnap {

/* A node fills a page. */
struct PageSizes {
	static constexpr size_t header_bytes = 32;

	/* Slots of a leaf whose COW chunk numbers are of type New; >= 5. */
	template <typename New>
	static constexpr uint32_t slots = (DMSNAP_PAGE_SIZE - header_bytes) /
					  (sizeof(uint32_t) + sizeof(New));
	/* How many slots are prefetched at once when a leaf is searched. */
	static constexpr uint32_t stretch = 64;
	/* Children of an inner node; >= 4. */
	static constexpr uint32_t children =
		(DMSNAP_PAGE_SIZE - header_bytes) / (sizeof(uint64_t) + sizeof(void *));
	/* All chunks of a leaf are less than this far from its base; a power of two <= 2^31. */
	static constexpr uint64_t reach = uint64_t{1} << 31;
	/* Levels of nodes; a tree with more would not fit in any memory. */
	static constexpr unsigned int max_levels = 7;
	/* Pages that a table holds back, see ExceptionTable::reserve(); > max_levels. */
	static constexpr size_t held_back = 32;
};

} // namespace dmsnap
