// SPDX-License-Identifier: GPL-2.0-only
/*
 * The codec of the persistent store, for any bytes: header, entries, geometry and chunk sizes.
 * The expected results are computed here from Documentation/on-disk-format.rst.
 *
 *   input: chunk size, block sizes, numbers | slots | 16 bytes header | entries
 */
#include <array>
#include <cstring>
#include <vector>

#include "format/chunk_size.hpp"
#include "format/disk_exception.hpp"
#include "format/disk_header.hpp"
#include "format/geometry.hpp"
#include "fuzz/check.hpp"
#include "fuzz/input.hpp"

namespace dmsnap::fuzz {
namespace {

using format::AreaView;
using format::Exception;
using format::MutableAreaView;

std::span<const std::byte> as_bytes(std::span<const uint8_t> bytes)
{
	return std::as_bytes(bytes);
}

uint64_t little_endian(const uint8_t *bytes, size_t size)
{
	uint64_t value = 0;
	while (size > 0)
		value = value << 8 | bytes[--size];
	return value;
}

void check_header(std::span<const uint8_t> disk, size_t chunk_bytes)
{
	using Kind = format::DecodedHeader::Kind;
	auto bytes = as_bytes(disk).first<format::header_bytes>();
	uint64_t magic = little_endian(&disk[0], 4);
	uint64_t valid = little_endian(&disk[4], 4);
	uint64_t version = little_endian(&disk[8], 4);

	auto decoded = format::decode(bytes);
	if (magic == 0) {
		FUZZ_CHECK(decoded.kind == Kind::blank);
		return;
	}
	if (magic != 0x70416e53) {
		FUZZ_CHECK(decoded.kind == Kind::magic_unknown);
		return;
	}
	FUZZ_CHECK(decoded.version == version);
	if (version != 1) {
		FUZZ_CHECK(decoded.kind == Kind::version_unknown);
		return;
	}
	FUZZ_CHECK(decoded.kind == Kind::store);
	FUZZ_CHECK(decoded.header.valid == (valid != 0));
	FUZZ_CHECK(decoded.header.chunk_sectors == little_endian(&disk[12], 4));

	/* Encoding gives the same bytes, except for a valid mark that is neither 0 nor 1. */
	std::vector<uint8_t> chunk(chunk_bytes, 0xa5);
	format::encode(decoded.header, std::as_writable_bytes(std::span(chunk)));
	auto again = format::decode(as_bytes(chunk).first<format::header_bytes>());
	FUZZ_CHECK(again.kind == Kind::store);
	FUZZ_CHECK(again.header.valid == decoded.header.valid);
	FUZZ_CHECK(again.header.chunk_sectors == decoded.header.chunk_sectors);
	if (valid < 2)
		FUZZ_CHECK(std::memcmp(chunk.data(), disk.data(), format::header_bytes) == 0);
	for (size_t i = format::header_bytes; i < chunk.size(); i++)
		FUZZ_CHECK(chunk[i] == 0);
}

Exception entry_at(std::span<const uint8_t> area, size_t slot)
{
	const uint8_t *entry = &area[slot * 16];
	return {{little_endian(entry, 8)}, {little_endian(entry + 8, 8)}};
}

void check_reading(std::span<const uint8_t> area, size_t first)
{
	AreaView view(as_bytes(area));
	size_t slots = area.size() / 16;
	size_t end = first;
	bool data = false;

	FUZZ_CHECK(view.slots() == slots);
	for (size_t slot = 0; slot < slots; slot++) {
		FUZZ_CHECK(view.read(slot) == entry_at(area, slot));
		FUZZ_CHECK(view.read(slot).ends_list() ==
			   (little_endian(&area[slot * 16 + 8], 8) == 0));
	}
	while (end < slots && little_endian(&area[end * 16 + 8], 8) != 0)
		end++;
	for (size_t i = first * 16; i < area.size(); i++)
		data |= area[i] != 0;
	FUZZ_CHECK(view.end_of_list(first) == end);
	FUZZ_CHECK(view.holds_data(first) == data);
}

/* A write changes one entry; a wipe changes all from @slot on. */
void check_writing(std::span<const uint8_t> area, size_t slot, const Exception &exception)
{
	std::vector<uint8_t> copy(area.begin(), area.end());
	MutableAreaView view(std::as_writable_bytes(std::span(copy)));

	if (slot < view.slots()) {
		view.write(slot, exception);
		FUZZ_CHECK(view.read(slot) == exception);
		FUZZ_CHECK(entry_at(copy, slot) == exception);
		for (size_t i = 0; i < copy.size(); i++)
			FUZZ_CHECK(i / 16 == slot || copy[i] == area[i]);
		view.write(slot, entry_at(area, slot));
		FUZZ_CHECK(std::memcmp(copy.data(), area.data(), area.size()) == 0);
	}
	view.wipe(slot);
	FUZZ_CHECK(!view.holds_data(slot));
	FUZZ_CHECK(view.end_of_list(slot) == slot);
	for (size_t i = 0; i < slot * 16; i++)
		FUZZ_CHECK(copy[i] == area[i]);
	check_reading(copy, slot);
}

bool is_metadata(uint64_t chunk, uint64_t per_area)
{
	return chunk == 0 || chunk % (per_area + 1) == 1;
}

void check_geometry(unsigned int shift, uint64_t number, uint64_t exception)
{
	format::Geometry geometry{ChunkSize(1u << shift)};
	uint64_t per_area = (uint64_t{512} << shift) / 16;
	NewChunk chunk{number};

	FUZZ_CHECK(geometry.exceptions_per_area() == per_area);
	FUZZ_CHECK(geometry.is_metadata(chunk) == is_metadata(number, per_area));
	if (number > 0) {
		uint64_t area = geometry.area_of(chunk);
		FUZZ_CHECK(geometry.area_chunk(area) <= chunk);
		FUZZ_CHECK(number - geometry.area_chunk(area).value <= per_area);
		FUZZ_CHECK((geometry.area_chunk(area) == chunk) == is_metadata(number, per_area));
		FUZZ_CHECK(geometry.areas_in(number) == area + !geometry.is_metadata(chunk));
	}
	if (number >> 62 == 0) {
		NewChunk data = geometry.data_chunk_from(chunk);
		FUZZ_CHECK(data >= chunk && data.value >= 2 && !geometry.is_metadata(data));
		FUZZ_CHECK(data - chunk <= 2);
		NewChunk end = geometry.data_run_end(chunk);
		FUZZ_CHECK(end > chunk && geometry.is_metadata(end));
		FUZZ_CHECK(end - chunk <= per_area + 1);
	}

	/* A device with as many chunks as a list needs has all of the list's areas. */
	uint64_t area = geometry.area_of_exception(exception);
	FUZZ_CHECK(area * per_area + geometry.slot_of_exception(exception) == exception);
	FUZZ_CHECK(geometry.area_of(geometry.area_chunk(area)) == area);
	uint64_t chunks = geometry.chunks_for(exception);
	FUZZ_CHECK(geometry.areas_in(chunks) == area + 1);
	FUZZ_CHECK(chunks - 1 - geometry.areas_in(chunks) == exception);
}

void check_chunk_size(uint32_t sectors, const format::BlockSizes &blocks)
{
	auto status = format::check_chunk_size(sectors, blocks);
	bool power = sectors != 0 && (sectors & (sectors - 1)) == 0;
	bool good = power && sectors <= 1u << 21 && sectors % blocks.origin_sectors == 0 &&
		    sectors % blocks.cow_sectors == 0;

	FUZZ_CHECK(status.has_value() == good);
	if (!power)
		FUZZ_CHECK(status.error() == Error::chunk_size_not_power_of_2);
	if (good)
		FUZZ_CHECK(ChunkSize(sectors).sectors() == sectors);
	FUZZ_CHECK(format::default_chunk_sectors(blocks) >= 32);
	FUZZ_CHECK(format::default_chunk_sectors(blocks) >= blocks.cow_sectors);
}

} // namespace
} // namespace dmsnap::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	using namespace dmsnap::fuzz;
	constexpr size_t slots_max = 64;
	Input input(data, bytes);

	auto chunk_sectors = input.number<uint32_t>();
	uint8_t block_shifts = input.byte();
	uint8_t shift = input.byte() % 22;
	auto number = input.number<uint64_t>();
	auto exception = input.number<uint64_t>() >> (8 + input.byte() % 56);
	check_chunk_size(chunk_sectors, {1u << block_shifts % 4, 1u << block_shifts / 16 % 4});
	check_geometry(shift, number, exception);

	uint8_t slot = input.byte();
	auto old_chunk = input.number<uint64_t>();
	auto new_chunk = input.number<uint64_t>();
	std::array<uint8_t, 16> header{};
	auto given = input.take(header.size());
	std::copy(given.begin(), given.end(), header.begin());
	check_header(header, 16 + slot * size_t{16});

	auto area = input.take(slots_max * 16);
	area = area.first(area.size() / 16 * 16);
	size_t first = slot % (area.size() / 16 + 1);
	check_reading(area, first);
	check_writing(area, first, {{old_chunk}, {new_chunk}});
	return 0;
}
