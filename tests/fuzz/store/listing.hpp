// SPDX-License-Identifier: GPL-2.0-only
/*
 * Listing: the contents of a COW device, read from its bytes using only
 * Documentation/on-disk-format.rst.  The core's reading of the same bytes
 * is compared with it.
 */
#pragma once

#include <cstdint>
#include <vector>

#include "fuzz/port/device.hpp"

namespace dmsnap::fuzz {

/* What determines the validity of a store, from device and table line. */
struct Surroundings {
	uint64_t origin_sectors = 0;
	uint32_t origin_block_sectors = 1;
	/* In the table line; 0: none. */
	uint32_t asked_chunk_sectors = 0;
};

struct Listing {
	enum class Kind : uint8_t {
		/* A new store is made. */
		blank,
		/* A store whose snapshot has lost data. */
		invalid,
		good,
		refused,
	};
	struct Entry {
		uint64_t old_chunk;
		uint64_t new_chunk;
	};

	Kind kind = Kind::refused;
	/* For a refused store, a negative errno. */
	int error = 0;
	/* For all others. */
	uint32_t chunk_sectors = 0;
	/* For a valid one. */
	std::vector<Entry> entries;

	void read(const Device &cow, const Surroundings &where);

private:
	void refuse(int with);
	void read_header(const Device &cow, const Surroundings &where);
	void read_entries(const Device &cow, const Surroundings &where);
};

/* How many exceptions a store can have on a device with that many sectors. */
uint64_t capacity(uint64_t sectors, uint32_t chunk_sectors);

} // namespace dmsnap::fuzz
