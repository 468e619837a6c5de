// SPDX-License-Identifier: GPL-2.0-only
/*
 * The unit in which a PersistentStore writes its header and its list, and how these writes become
 * durable.  For the files of PersistentStore only.
 */
#pragma once

#include <cstddef>
#include <span>

#include <dmsnap/port/device.h>
#include <dmsnap/port/memory.h>

#include "base/error.hpp"

namespace dmsnap {

constexpr unsigned int durable_metadata = DMSNAP_IO_PREFLUSH | DMSNAP_IO_FUA | DMSNAP_IO_SYNC |
					  DMSNAP_IO_META;

/*
 * The largest piece of metadata that one write replaces: what any page holds, so that a store is
 * written alike with every page size.
 */
constexpr uint32_t metadata_bytes_max = 4096;
static_assert(metadata_bytes_max <= DMSNAP_PAGE_SIZE);

inline std::span<std::byte> bytes_of(void *page, size_t bytes)
{
	return {static_cast<std::byte *>(page), bytes};
}

inline void clear(void *page)
{
	__builtin_memset(page, 0, DMSNAP_PAGE_SIZE);
}

inline Status status_of_write(int error)
{
	if (error)
		return fail(Error::write_failed);
	return {};
}

} // namespace dmsnap
