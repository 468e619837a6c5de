// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/store/model.hpp"

#include <algorithm>
#include <cstring>

#include "fuzz/port/context.hpp"
#include "fuzz/port/machine.hpp"

namespace dmsnap::fuzz {
namespace {

/* What a device holds in a discarded sector. */
constexpr uint64_t discarded_word = 0xdddd'dddd'dddd'dddd;

/* Sectors are copied whole, so the first word identifies them. */
void check_sector(const uint8_t *data, uint64_t expected, const char *what, uint64_t sector)
{
	uint64_t word;
	std::memcpy(&word, data, sizeof(word));
	if (word != expected)
		die("sector %llu of %s holds %llx, not %llx",
		    static_cast<unsigned long long>(sector), what,
		    static_cast<unsigned long long>(word),
		    static_cast<unsigned long long>(expected));
}

} // namespace

void Model::begin(const Device &origin, const Device &cow, const Listing &listing, uint64_t sectors)
{
	chunk_sectors_ = listing.chunk_sectors;
	sectors_ = sectors;
	origin_sectors_ = origin.sectors();
	uint64_t chunks = (sectors_ + chunk_sectors_ - 1) / chunk_sectors_;
	last_chunk_end_ = std::min(chunks * chunk_sectors_, origin_sectors_);
	for (uint64_t sector = 0; sector < origin_sectors_; sector++)
		origin_[sector] = Machine::origin_word + sector;
	shows_origin();
	for (const Listing::Entry &entry : listing.entries) {
		uint64_t sector = entry.old_chunk * chunk_sectors_;
		const uint8_t *data = cow.at(entry.new_chunk * chunk_sectors_);
		for (uint32_t i = 0; i < chunk_sectors_ && sector < origin_sectors_; i++, sector++)
			if (known_[sector])
				known_[sector] =
					sector_word(data + i * sector_size, shown_[sector]);
	}
	loaded(listing);
}

void Model::loaded(const Listing &listing)
{
	mapped_.reset();
	for (const Listing::Entry &entry : listing.entries)
		mapped_.set(entry.old_chunk);
	mapped_count_ = listing.entries.size();
}

void Model::origin_is(const Device &origin)
{
	for (uint64_t sector = 0; sector < origin_sectors_; sector++)
		std::memcpy(&origin_[sector], origin.at(sector), sizeof(origin_[sector]));
}

void Model::map(uint64_t sector, uint64_t count)
{
	for (uint64_t chunk = chunk_of(sector); chunk <= chunk_of(sector + count - 1); chunk++) {
		mapped_count_ += !mapped_[chunk];
		mapped_.set(chunk);
	}
}

uint64_t Model::chunks_missing(uint64_t sector, uint64_t count) const
{
	uint64_t missing = 0;
	uint64_t end = std::min(sector + count, sectors_);
	for (uint64_t at = sector; at < end; at = (chunk_of(at) + 1) * chunk_sectors_)
		missing += !mapped_[chunk_of(at)];
	return missing;
}

void Model::origin_written(uint64_t sector, uint64_t count, uint64_t word)
{
	if (sector < sectors_)
		map(sector, std::min(count, sectors_ - sector));
	for (uint64_t i = 0; i < count; i++) {
		origin_[sector + i] = word + i;
		/* Nothing behind the table's end is recorded. */
		if (sector + i >= sectors_)
			known_[sector + i] = false;
	}
}

void Model::snapshot_written(uint64_t sector, uint64_t count, uint64_t word)
{
	map(sector, count);
	shows(sector, count, word);
}

void Model::shows(uint64_t sector, uint64_t count, uint64_t word)
{
	for (uint64_t i = 0; i < count; i++) {
		shown_[sector + i] = word + i;
		known_[sector + i] = true;
	}
}

void Model::shows_origin()
{
	known_.set();
	std::copy_n(origin_, origin_sectors_, shown_);
	for (uint64_t sector = sectors_; sector < last_chunk_end_; sector++)
		known_.reset(sector);
}

void Model::snapshot_unknown(uint64_t sector, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		known_[sector + i] = false;
}

void Model::nothing_known()
{
	known_.reset();
}

void Model::snapshot_discarded(uint64_t sector, uint64_t count, bool with_origin)
{
	uint64_t end = sector + count;
	for (uint64_t at = sector; at < end; at++) {
		uint64_t begin_of_chunk = chunk_of(at) * chunk_sectors_;
		bool whole = begin_of_chunk >= sector && begin_of_chunk + chunk_sectors_ <= end;
		if (mapped_[chunk_of(at)]) {
			shown_[at] = whole ? 0 : discarded_word;
			known_[at] = true;
		} else if (with_origin) {
			shown_[at] = discarded_word;
		}
		if (with_origin)
			origin_[at] = discarded_word;
	}
}

void Model::check_read(uint64_t sector, uint64_t count, const uint8_t *data) const
{
	for (uint64_t i = 0; i < count; i++)
		if (known_[sector + i])
			check_sector(data + i * sector_size, shown_[sector + i], "the snapshot",
				     sector + i);
}

void Model::check_origin(const Device &origin) const
{
	for (uint64_t sector = 0; sector < origin_sectors_; sector++)
		check_sector(origin.at(sector), origin_[sector], "the origin", sector);
}

void Model::check_store(const Device &origin, const Device &cow, const Listing &listing) const
{
	static std::bitset<Device::sectors_max> on_cow;

	on_cow.reset();
	for (const Listing::Entry &entry : listing.entries) {
		uint64_t sector = entry.old_chunk * chunk_sectors_;
		const uint8_t *data = cow.at(entry.new_chunk * chunk_sectors_);
		on_cow.set(entry.old_chunk);
		for (uint32_t i = 0; i < chunk_sectors_ && sector < origin_sectors_; i++, sector++)
			if (known_[sector])
				check_sector(data + i * sector_size, shown_[sector], "the store",
					     sector);
	}
	for (uint64_t sector = 0; sector < origin_sectors_; sector++)
		if (known_[sector] && !on_cow[chunk_of(sector)])
			check_sector(origin.at(sector), shown_[sector],
				     "the origin, for the snapshot,", sector);
	/* A merge does not write here. */
	for (uint64_t sector = sectors_; sector < last_chunk_end_; sector++)
		check_sector(origin.at(sector), origin_[sector], "the origin after the snapshot",
			     sector);
}

} // namespace dmsnap::fuzz
