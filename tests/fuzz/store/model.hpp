// SPDX-License-Identifier: GPL-2.0-only
/*
 * Model: the expected contents of the origin and the snapshot, with one word for each sector (see
 * fill_sector()), and which chunks the snapshot has.
 */
#pragma once

#include <bitset>
#include <cstdint>

#include "fuzz/store/listing.hpp"

namespace dmsnap::fuzz {

class Model {
public:
	/* A snapshot of @sectors sectors of @origin, with a store on @cow. */
	void begin(const Device &origin, const Device &cow, const Listing &listing,
		   uint64_t sectors);
	/* After a reload of the store. */
	void loaded(const Listing &listing);

	/* After a merge has changed the origin. */
	void origin_is(const Device &origin);

	/* Sector n of the write holds @word + n. */
	void origin_written(uint64_t sector, uint64_t count, uint64_t word);
	void snapshot_written(uint64_t sector, uint64_t count, uint64_t word);
	/* The same for a merge, which adds no chunks. */
	void shows(uint64_t sector, uint64_t count, uint64_t word);
	/* After a merge of a snapshot that turned out to be invalid. */
	void shows_origin();
	/* After a failed write: the contents are unknown. */
	void snapshot_unknown(uint64_t sector, uint64_t count);
	void nothing_known();
	void snapshot_discarded(uint64_t sector, uint64_t count, bool with_origin);

	/* Checks what was read from the snapshot. */
	void check_read(uint64_t sector, uint64_t count, const uint8_t *data) const;
	/* Check the contents of the devices: the origin, and the store of @listing. */
	void check_origin(const Device &origin) const;
	void check_store(const Device &origin, const Device &cow, const Listing &listing) const;

	/* The number of the snapshot's chunks, and of those that a write would add. */
	uint64_t chunks() const { return mapped_count_; }
	uint32_t chunk_sectors() const { return chunk_sectors_; }
	uint64_t chunks_missing(uint64_t sector, uint64_t count) const;

private:
	void map(uint64_t sector, uint64_t count);
	uint64_t chunk_of(uint64_t sector) const { return sector / chunk_sectors_; }

	uint32_t chunk_sectors_ = 1;
	uint64_t sectors_ = 0;
	uint64_t origin_sectors_ = 0;
	/* Where the snapshot's last chunk ends on the origin. */
	uint64_t last_chunk_end_ = 0;
	uint64_t mapped_count_ = 0;
	std::bitset<Device::sectors_max> mapped_;
	/*
	 * Is shown_ known?  Never where the last chunk extends past the snapshot's end.  Chunks
	 * behind that belong to a longer snapshot; a merge restores them as well.
	 */
	std::bitset<Device::sectors_max> known_;
	uint64_t origin_[Device::sectors_max];
	uint64_t shown_[Device::sectors_max];
};

} // namespace dmsnap::fuzz
