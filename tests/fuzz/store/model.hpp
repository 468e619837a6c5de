// SPDX-License-Identifier: GPL-2.0-only
/*
 * Model: the expected contents of origin and snapshot, sector by sector, each as
 * the word that fills it (see fill_sector()).  And which chunks the snapshot has.
 */
#pragma once

#include <bitset>
#include <cstdint>

#include "fuzz/store/listing.hpp"

namespace dmsnap::fuzz {

class Model {
public:
	/* A snapshot of @sectors sectors over @origin, with a store on @cow. */
	void begin(const Device &origin, const Device &cow, const Listing &listing,
		   uint64_t sectors);
	/* The store was reloaded. */
	void loaded(const Listing &listing);

	/* A merge has changed the origin. */
	void origin_is(const Device &origin);

	/* The n-th sector of a write is made of @word + n. */
	void origin_written(uint64_t sector, uint64_t count, uint64_t word);
	void snapshot_written(uint64_t sector, uint64_t count, uint64_t word);
	/* The same for the merging target, which gets no new chunks. */
	void shows(uint64_t sector, uint64_t count, uint64_t word);
	/* An invalid snapshot that should have been merged. */
	void shows_origin();
	/* It failed: the contents are unknown. */
	void snapshot_unknown(uint64_t sector, uint64_t count);
	void nothing_known();
	void snapshot_discarded(uint64_t sector, uint64_t count, bool with_origin);

	/* Are its contents right? */
	void check_read(uint64_t sector, uint64_t count, const uint8_t *data) const;
	/* Are the contents of the devices right: the origin, and the store of @listing? */
	void check_origin(const Device &origin) const;
	void check_store(const Device &origin, const Device &cow, const Listing &listing) const;

	/* Chunks of the snapshot, and those that a write there would add. */
	uint64_t chunks() const { return mapped_count_; }
	uint32_t chunk_sectors() const { return chunk_sectors_; }
	uint64_t chunks_missing(uint64_t sector, uint64_t count) const;

private:
	void map(uint64_t sector, uint64_t count);
	uint64_t chunk_of(uint64_t sector) const { return sector / chunk_sectors_; }

	uint32_t chunk_sectors_ = 1;
	uint64_t sectors_ = 0;
	uint64_t origin_sectors_ = 0;
	/* The snapshot's last chunk, on the origin. */
	uint64_t last_chunk_end_ = 0;
	uint64_t mapped_count_ = 0;
	std::bitset<Device::sectors_max> mapped_;
	/*
	 * Is shown_ known?  Never where the last chunk extends past the snapshot's end.
	 * Chunks after that belong to some longer snapshot, and a merge brings them back too.
	 */
	std::bitset<Device::sectors_max> known_;
	uint64_t origin_[Device::sectors_max];
	uint64_t shown_[Device::sectors_max];
};

} // namespace dmsnap::fuzz
