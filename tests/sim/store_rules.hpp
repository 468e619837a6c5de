// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads a persistent store as any driver of the format SnAp version 1 must, and says what
 * is wrong with a bad one.  It follows Documentation/on-disk-format.rst and shares no code
 * with the core, so that the two interpretations can be compared.
 */
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "user/image.hpp"

namespace dmsnap::sim {

struct StoreContent {
	/* What is wrong with the store; empty if it is good. */
	std::string bad;
	bool valid = false;
	/* Sectors. */
	uint64_t chunk = 0;
	/* Pairs of an origin chunk and a COW chunk, in the order of the store. */
	std::vector<std::pair<uint64_t, uint64_t>> exceptions;
};

/* @cow_sectors and @sectors: the sizes of the COW device and the snapshot. */
StoreContent read_store(const user::Image &cow, uint64_t cow_sectors, uint64_t sectors);

/* The contents of the snapshot; @store must be good and valid. */
std::vector<uint8_t> snapshot_content(const StoreContent &store, const user::Image &cow,
				      const user::Image &origin, uint64_t sectors);

} // namespace dmsnap::sim
