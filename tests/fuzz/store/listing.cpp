// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/store/listing.hpp"

#include <algorithm>
#include <bit>
#include <bitset>
#include <cerrno>
#include <cstring>

namespace dmsnap::fuzz {
namespace {

template <typename T> T little_endian(const uint8_t *bytes)
{
	T value = 0;
	for (size_t i = sizeof(T); i > 0; i--)
		value = static_cast<T>(value << 8 | bytes[i - 1]);
	return value;
}

bool usable(uint32_t chunk_sectors, const Device &cow, const Surroundings &where)
{
	return std::has_single_bit(chunk_sectors) && chunk_sectors <= 1u << 21 &&
	       chunk_sectors % cow.block_sectors() == 0 &&
	       chunk_sectors % where.origin_block_sectors == 0;
}

uint64_t slots_of(uint32_t chunk_sectors)
{
	return chunk_sectors * uint64_t{sector_size} / 16;
}

} // namespace

void Listing::refuse(int with)
{
	kind = Kind::refused;
	error = with;
	entries.clear();
}

void Listing::read(const Device &cow, const Surroundings &where)
{
	entries.clear();
	error = 0;
	read_header(cow, where);
	if (kind == Kind::good)
		read_entries(cow, where);
}

void Listing::read_header(const Device &cow, const Surroundings &where)
{
	if (cow.sectors() < cow.block_sectors()) {
		refuse(-EIO);
		return;
	}
	const uint8_t *header = cow.at(0);
	auto magic = little_endian<uint32_t>(header);
	if (magic == 0) {
		chunk_sectors = where.asked_chunk_sectors;
		if (chunk_sectors == 0)
			chunk_sectors = std::max(32u, cow.block_sectors());
		if (!usable(chunk_sectors, cow, where))
			refuse(-EINVAL);
		else if (cow.sectors() / chunk_sectors < 2)
			refuse(-EIO);
		else
			kind = Kind::blank;
		return;
	}
	if (magic != 0x70416e53) {
		refuse(-ENXIO);
		return;
	}
	chunk_sectors = little_endian<uint32_t>(header + 12);
	if (little_endian<uint32_t>(header + 8) != 1 || !usable(chunk_sectors, cow, where))
		refuse(-EINVAL);
	else
		kind = little_endian<uint32_t>(header + 4) ? Kind::good : Kind::invalid;
}

void Listing::read_entries(const Device &cow, const Surroundings &where)
{
	uint64_t slots = slots_of(chunk_sectors);
	uint64_t chunks = cow.sectors() / chunk_sectors;
	uint64_t old_chunks = (where.origin_sectors + chunk_sectors - 1) / chunk_sectors;
	static std::bitset<Device::sectors_max> old_seen;
	static std::bitset<Device::sectors_max> new_seen;

	old_seen.reset();
	new_seen.reset();
	for (uint64_t n = 0;; n++) {
		uint64_t area = 1 + n / slots * (slots + 1);
		if (area >= chunks) {
			refuse(-EINVAL);
			return;
		}
		const uint8_t *entry = cow.at(area * chunk_sectors) + n % slots * 16;
		auto old_chunk = little_endian<uint64_t>(entry);
		auto new_chunk = little_endian<uint64_t>(entry + 8);
		if (new_chunk == 0)
			return;
		if (new_chunk >= chunks || new_chunk % (slots + 1) == 1 ||
		    old_chunk >= old_chunks || old_seen[old_chunk] || new_seen[new_chunk]) {
			refuse(-EINVAL);
			return;
		}
		old_seen.set(old_chunk);
		new_seen.set(new_chunk);
		entries.push_back({old_chunk, new_chunk});
	}
}

uint64_t capacity(uint64_t sectors, uint32_t chunk_sectors)
{
	uint64_t slots = slots_of(chunk_sectors);
	uint64_t chunks = sectors / chunk_sectors;
	if (chunks < 2)
		return 0;
	uint64_t areas = (chunks - 2) / (slots + 1) + 1;
	/* After a full area the list continues in the next one. */
	return std::min(chunks - 1 - areas, areas * slots - 1);
}

} // namespace dmsnap::fuzz
