// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a persistent store on disk means to any driver that implements the format SnAp
 * version 1, and what makes one bad.  Written from the description of the format
 * (Documentation/on-disk-format.rst), independently of the core, so that the core's own
 * interpretation can be compared with this one.
 */
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "user/image.hpp"

namespace dmsnap::sim {

struct StoreContent {
	/* Why it is not a valid store; empty: it is one. */
	std::string bad;
	bool valid = false;
	/* Sectors. */
	uint64_t chunk = 0;
	/* Chunk of the origin, chunk of the COW device; as stored. */
	std::vector<std::pair<uint64_t, uint64_t>> exceptions;
};

/* @cow_sectors, @sectors: size of the COW device and of the snapshot. */
StoreContent read_store(const user::Image &cow, uint64_t cow_sectors, uint64_t sectors);

/* The snapshot's contents, byte for byte, if @store is good and valid. */
std::vector<uint8_t> snapshot_content(const StoreContent &store, const user::Image &cow,
				      const user::Image &origin, uint64_t sectors);

} // namespace dmsnap::sim
