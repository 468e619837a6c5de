// SPDX-License-Identifier: GPL-2.0-only
/*
 * Setup: the first bytes of the input define the two devices, the contents of the COW device, and
 * the table line.  A header and entries take few bytes and are valid unless the input says
 * otherwise, so that most inputs pass the first check.  The input may also have the raw bytes.
 */
#pragma once

#include "fuzz/input.hpp"
#include "fuzz/port/machine.hpp"
#include "fuzz/store/listing.hpp"

namespace dmsnap::fuzz {

class Setup {
public:
	/* Resets the devices of @machine. */
	Setup(Input &input, Machine &machine);

	Device &cow;
	Surroundings where;
	/* The length of the table. */
	uint64_t sectors;
	/* The alignment of bios. */
	uint64_t block_sectors;

	/* The words of the table line. */
	unsigned int argc = 4;
	char *argv[7] = {};
	bool passes_discards() const { return argc == 7; }

private:
	Setup(Input &input, Machine &machine, uint8_t flags);
	void write_line(uint8_t flags, bool with_passdown);
	void put_raw(std::span<const uint8_t> bytes);
	void put_header(Input &input, uint8_t kind);
	void put_entries(Input &input);
	void put_entry(uint64_t old_chunk, uint64_t new_chunk);
	void put_good_entries(uint64_t count);
	void wipe_area(uint64_t area);
	uint64_t slots() const { return chunk_sectors_ * uint64_t{sector_size} / 16; }

	uint32_t chunk_sectors_;
	/* The next slot, and the contents of a valid entry. */
	uint64_t slot_ = 0;
	uint64_t old_chunk_ = 0;
	uint64_t new_chunk_ = 2;
	char chunk_word_[12];
};

} // namespace dmsnap::fuzz
