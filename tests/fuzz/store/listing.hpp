// SPDX-License-Identifier: GPL-2.0-only
/*
 * Listing: the contents of a COW device, read as Documentation/on-disk-format.rst says.  The core's
 * reading of the same bytes is compared with it.
 */
#pragma once

#include <cstdint>
#include <vector>

#include "fuzz/port/device.hpp"

namespace dmsnap::fuzz {

/* What the validity of a store depends on besides its bytes: the devices and the table line. */
struct Surroundings {
	uint64_t origin_sectors = 0;
	uint32_t origin_block_sectors = 1;
	/* The table line's chunk size; 0: none. */
	uint32_t asked_chunk_sectors = 0;
};

struct Listing {
	enum class Kind : uint8_t {
		/* A new store will be made. */
		blank,
		/* A store that is marked invalid. */
		invalid,
		good,
		refused,
	};
	struct Entry {
		uint64_t old_chunk;
		uint64_t new_chunk;
	};

	Kind kind = Kind::refused;
	/* For a refused store: a negative errno. */
	int error = 0;
	/* For all other stores. */
	uint32_t chunk_sectors = 0;
	/* For a valid store. */
	std::vector<Entry> entries;

	void read(const Device &cow, const Surroundings &where);

private:
	void refuse(int with);
	void read_header(const Device &cow, const Surroundings &where);
	void read_entries(const Device &cow, const Surroundings &where);
};

/* The number of exceptions that a store on a device of this size can have. */
uint64_t capacity(uint64_t sectors, uint32_t chunk_sectors);

} // namespace dmsnap::fuzz
