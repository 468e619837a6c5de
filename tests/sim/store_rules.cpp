// SPDX-License-Identifier: GPL-2.0-only
#include "sim/store_rules.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <unordered_set>

#include "user/failure.hpp"

namespace dmsnap::sim {
namespace {

constexpr size_t sector_bytes = 512;
constexpr uint64_t entry_bytes = 16;

uint32_t le32(const uint8_t *at)
{
	return static_cast<uint32_t>(at[0]) | static_cast<uint32_t>(at[1]) << 8 |
	       static_cast<uint32_t>(at[2]) << 16 | static_cast<uint32_t>(at[3]) << 24;
}

uint64_t le64(const uint8_t *at)
{
	return le32(at) | uint64_t{le32(at + 4)} << 32;
}

} // namespace

StoreContent read_store(const user::Image &cow, uint64_t cow_sectors, uint64_t sectors)
{
	StoreContent store;
	std::vector<uint8_t> sector = cow.read(0, 1);
	if (std::memcmp(sector.data(), "SnAp", 4) != 0) {
		store.bad = "the header is missing";
		return store;
	}
	uint32_t valid = le32(&sector[4]), version = le32(&sector[8]);
	store.chunk = le32(&sector[12]);
	if (valid > 1 || version != 1 || !std::has_single_bit(store.chunk)) {
		store.bad = user::text("the header says valid %u, version %u, chunk size %llu",
				       valid, version,
				       static_cast<unsigned long long>(store.chunk));
		return store;
	}
	store.valid = valid;
	if (!valid)
		return store;

	uint64_t per_area = store.chunk * sector_bytes / entry_bytes;
	uint64_t chunks = (sectors + store.chunk - 1) / store.chunk;
	uint64_t cow_chunks = cow_sectors / store.chunk;
	std::unordered_set<uint64_t> seen_old, seen_new;
	for (uint64_t area = 1;; area += per_area + 1) {
		/* A zero entry ends the list.  Without one a driver would read past the device. */
		if (area >= cow_chunks) {
			store.bad = "the last area is full";
			return store;
		}
		for (uint64_t i = 0; i < per_area; i++) {
			constexpr uint64_t per_sector = sector_bytes / entry_bytes;
			if (i % per_sector == 0)
				cow.read(area * store.chunk + i / per_sector, std::span(sector));
			const uint8_t *entry = &sector[i % per_sector * entry_bytes];
			uint64_t old_chunk = le64(entry), new_chunk = le64(entry + 8);
			if (!new_chunk)
				return store;
			const char *why = nullptr;
			if (old_chunk >= chunks)
				why = "is beyond the origin";
			else if (new_chunk >= cow_chunks)
				why = "is beyond the COW device";
			else if ((new_chunk - 1) % (per_area + 1) == 0)
				why = "is metadata";
			else if (!seen_old.insert(old_chunk).second)
				why = "is recorded twice";
			else if (!seen_new.insert(new_chunk).second)
				why = "has the COW chunk of another one";
			if (why) {
				store.bad = user::text("exception %zu, %llu -> %llu, %s",
						       store.exceptions.size(),
						       static_cast<unsigned long long>(old_chunk),
						       static_cast<unsigned long long>(new_chunk),
						       why);
				return store;
			}
			store.exceptions.emplace_back(old_chunk, new_chunk);
		}
	}
}

std::vector<uint8_t> snapshot_content(const StoreContent &store, const user::Image &cow,
				      const user::Image &origin, uint64_t sectors)
{
	std::vector<uint8_t> data = origin.read(0, sectors);
	for (auto [old_chunk, new_chunk] : store.exceptions) {
		uint64_t at = old_chunk * store.chunk;
		uint64_t length = std::min(store.chunk, sectors - at);
		cow.read(new_chunk * store.chunk,
			 std::span(data).subspan(at * sector_bytes, length * sector_bytes));
	}
	return data;
}

} // namespace dmsnap::sim
