// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/store/setup.hpp"

#include <cstdio>
#include <cstring>

namespace dmsnap::fuzz {
namespace {

/* Bits of the input's first byte. */
constexpr uint8_t raw_content = 1u << 0;
constexpr uint8_t on_noise = 1u << 1;
constexpr uint8_t ends_at_once = 1u << 2;
constexpr uint8_t knows_overflow = 1u << 3;
constexpr uint8_t cow_of_4k_blocks = 1u << 4;
constexpr uint8_t origin_of_4k_blocks = 1u << 5;
constexpr uint8_t table_is_shorter = 1u << 6;
constexpr uint8_t discards = 1u << 7;

void put_little_endian(uint8_t *bytes, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = static_cast<uint8_t>(value >> 8 * i);
}

uint64_t rounded(uint64_t sectors, uint32_t block_sectors)
{
	return std::min(sectors, Device::sectors_max) / block_sectors * block_sectors;
}

char origin_word[] = "252:0";
char cow_word[] = "252:1";
char persistent[] = "P";
char persistent_overflow[] = "PO";
char count_0[] = "0";
char count_1[] = "1";
char count_2[] = "2";
char zeroes_cow[] = "discard_zeroes_cow";
char passdown[] = "discard_passdown_origin";

} // namespace

Setup::Setup(Input &input, Machine &machine) : Setup(input, machine, input.byte())
{
}

/*
 *   flags | chunk size and origin size | COW chunks | more of both | content | actions
 */
Setup::Setup(Input &input, Machine &machine, uint8_t flags) : cow(machine.use_cow(flags & on_noise))
{
	constexpr uint8_t chunk_shifts[] = {0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 8};
	/* Slightly more than the 256 entries of a 4 KiB area. */
	constexpr uint32_t chunks_more = 260;
	constexpr uint8_t many_chunks = 15;
	constexpr uint32_t odd_sectors[] = {0, 0, 0, 1, 3, 5, 7, 9};
	uint8_t sizes = input.byte();
	uint32_t cow_chunks = input.byte();
	uint8_t more = input.byte();
	uint8_t header = input.byte();
	uint32_t cow_block = flags & cow_of_4k_blocks ? 8 : 1;
	where.origin_block_sectors = flags & origin_of_4k_blocks ? 8 : 1;
	block_sectors = std::max(cow_block, where.origin_block_sectors);
	complete_at_once = flags & ends_at_once;

	/* From 512 bytes to 128 KiB; mostly small, because large chunks are slow. */
	uint8_t shift = chunk_shifts[sizes % 16];
	chunk_sectors_ = 1u << shift;
	uint64_t origin_chunks = 1 + (sizes / 16 * 3u >> shift / 2);
	if (more % 16 == many_chunks) {
		cow_chunks += chunks_more;
		origin_chunks += chunks_more;
	}
	uint64_t cow_sectors = cow_chunks * uint64_t{chunk_sectors_} + odd_sectors[more / 16 % 8];
	cow.reset(rounded(cow_sectors, cow_block), cow_block);
	uint64_t origin_sectors = origin_chunks * chunk_sectors_ + odd_sectors[sizes / 16 % 8];
	origin_sectors = std::max<uint64_t>(rounded(origin_sectors, block_sectors), 8);
	machine.origin().reset(origin_sectors, where.origin_block_sectors);
	where.origin_sectors = origin_sectors;
	sectors = origin_sectors;
	if (flags & table_is_shorter)
		sectors = std::max<uint64_t>(rounded(sectors * 3 / 4, block_sectors), 8);

	/* The table line has the chunk size of the header, another one, or none. */
	uint8_t asks = header / 16;
	if (asks % 4 == 1)
		where.asked_chunk_sectors = chunk_sectors_;
	else if (asks % 4 == 2)
		where.asked_chunk_sectors = std::max<uint32_t>(block_sectors, 1u << asks / 4);
	if (where.asked_chunk_sectors % block_sectors)
		where.asked_chunk_sectors = 0;
	write_line(flags, more & 128);

	if (flags & raw_content) {
		put_raw(input.take(input.number<uint16_t>() % 4096));
		return;
	}
	put_header(input, header % 16);
	put_entries(input);
}

void Setup::write_line(uint8_t flags, bool with_passdown)
{
	std::snprintf(chunk_word_, sizeof(chunk_word_), "%u", where.asked_chunk_sectors);
	argv[0] = origin_word;
	argv[1] = cow_word;
	argv[2] = flags & knows_overflow ? persistent_overflow : persistent;
	argv[3] = chunk_word_;
	if (!(flags & discards)) {
		argv[argc++] = count_0;
		return;
	}
	argv[argc++] = with_passdown ? count_2 : count_1;
	argv[argc++] = zeroes_cow;
	if (with_passdown)
		argv[argc++] = passdown;
}

void Setup::put_raw(std::span<const uint8_t> bytes)
{
	size_t fit = std::min<size_t>(bytes.size(), cow.sectors() * sector_size);
	if (fit)
		std::memcpy(cow.poke(0, fit), bytes.data(), fit);
}

void Setup::put_header(Input &input, uint8_t kind)
{
	constexpr size_t header_bytes = 16;
	if (cow.sectors() == 0)
		return;
	uint8_t *header = cow.poke(0, header_bytes);
	switch (kind) {
	case 0: {
		auto bytes = input.take(header_bytes);
		std::copy(bytes.begin(), bytes.end(), header);
		break;
	}
	case 1:
		std::memset(header, 0, header_bytes);
		break;
	default:
		put_little_endian(header, 0x70416e53, 4);
		/* The mark "valid". */
		put_little_endian(header + 4, kind == 2 ? 0 : 1, 4);
		put_little_endian(header + 8, 1, 4);
		put_little_endian(header + 12, chunk_sectors_, 4);
	}
}

void Setup::wipe_area(uint64_t area)
{
	uint64_t sector = (1 + area * (slots() + 1)) * chunk_sectors_;
	size_t bytes = chunk_sectors_ * sector_size;
	if (sector + chunk_sectors_ <= cow.sectors())
		std::memset(cow.poke(sector * sector_size, bytes), 0, bytes);
}

void Setup::put_entry(uint64_t old_chunk, uint64_t new_chunk)
{
	uint64_t area = 1 + slot_ / slots() * (slots() + 1);
	uint64_t byte = area * chunk_sectors_ * sector_size + slot_ % slots() * 16;
	if (slot_ % slots() == 0)
		wipe_area(slot_ / slots());
	slot_++;
	if (byte + 16 > cow.sectors() * sector_size)
		return;
	uint8_t *entry = cow.poke(byte, 16);
	put_little_endian(entry, old_chunk, 8);
	put_little_endian(entry + 8, new_chunk, 8);
}

void Setup::put_good_entries(uint64_t count)
{
	for (; count; count--) {
		if (new_chunk_ % (slots() + 1) == 1)
			new_chunk_++;
		put_entry(old_chunk_++, new_chunk_++);
	}
}

/*
 * Each byte has a kind, in its low 3 bits, and a length; 0 ends the entries.  A jump leaves zeros,
 * so entries after it are dead.
 */
void Setup::put_entries(Input &input)
{
	wipe_area(0);
	while (uint8_t what = input.byte()) {
		uint64_t amount = what / 8 + 1u;
		switch (what % 8) {
		case 0:
			wipe_area(amount);
			break;
		case 1:
			put_good_entries(amount);
			break;
		case 2:
			put_good_entries(amount * 16);
			break;
		case 3: {
			uint64_t old_chunk = input.byte();
			put_entry(old_chunk, input.byte());
			break;
		}
		case 4: {
			auto old_chunk = input.number<uint64_t>();
			put_entry(old_chunk, input.number<uint64_t>());
			break;
		}
		case 5:
			slot_ += amount;
			break;
		case 6:
			old_chunk_ = input.number<uint16_t>();
			break;
		case 7:
			new_chunk_ = input.number<uint16_t>();
			break;
		}
	}
}

} // namespace dmsnap::fuzz
