// SPDX-License-Identifier: GPL-2.0-only
/* The disk format, and which chunks are free. */
#include "format/disk_exception.hpp"
#include "format/disk_header.hpp"
#include "format/geometry.hpp"
#include "kunit/core/cases.hpp"
#include "kunit/random.hpp"
#include "store/free_chunks.hpp"

using namespace dmsnap;
using namespace dmsnap::format;
using dmsnap::kunit::Random;

void dmsnap_case_header_reads_back_as_written(const dmsnap_case &run)
{
	Random random(run.seed);
	std::byte bytes[512];
	for (uint64_t step = 0; step < run.steps; step++) {
		const Header header{.valid = random.one_in(2),
				    .chunk_sectors = static_cast<uint32_t>(random.next())};
		__builtin_memset(bytes, 0xaa, sizeof(bytes));
		encode(header, bytes);
		const DecodedHeader decoded = decode(std::span(bytes).first<header_bytes>());
		if (!CHECK(run, decoded.kind == DecodedHeader::Kind::store) ||
		    !CHECK_EQ(run, decoded.header.valid, header.valid) ||
		    !CHECK_EQ(run, decoded.header.chunk_sectors, header.chunk_sectors) ||
		    !CHECK(run, bytes[header_bytes] == std::byte{0} &&
					bytes[sizeof(bytes) - 1] == std::byte{0}))
			return;
		bytes[random.below(4)] ^= std::byte{1};
		if (!CHECK(run, decode(std::span(bytes).first<header_bytes>()).kind ==
					DecodedHeader::Kind::magic_unknown))
			return;
	}
}

void dmsnap_case_area_reads_back_as_written(const dmsnap_case &run)
{
	constexpr size_t slots = 64;
	Random random(run.seed);
	auto bytes = OwnedArray<std::byte>::create(slots * exception_bytes + 1);
	auto model = OwnedArray<Exception>::create(slots);
	if (!CHECK(run, bytes && model))
		return;
	/* Views need no alignment. */
	MutableAreaView area(std::span(bytes->data() + 1, slots * exception_bytes));
	for (uint64_t step = 0; step < run.steps; step++) {
		const size_t slot = random.below(slots);
		const Exception exception{{random.next() >> random.below(64)},
					  {random.next() >> random.below(64)}};
		area.write(slot, exception);
		(*model)[slot] = exception;
		const size_t other = random.below(slots);
		if (!CHECK(run, area.read(other) == (*model)[other]))
			return;
		size_t end = other;
		while (end < slots && !(*model)[end].ends_list())
			end++;
		if (!CHECK_EQ(run, area.end_of_list(other), end))
			return;
	}
	area.wipe(slots / 2);
	CHECK(run, !area.holds_data(slots / 2));
}

void dmsnap_case_free_chunks_are_handed_out_once(const dmsnap_case &run)
{
	constexpr uint64_t limit = 8192;
	const Geometry geometry{ChunkSize(1)};
	Random random(run.seed);
	auto free = FreeChunks::create(geometry);
	auto used = OwnedArray<bool>::create(limit);
	if (!CHECK(run, free && used))
		return;
	/* As after a crash: chunks in use with holes between them. */
	for (uint64_t i = 0; i < 1000; i++) {
		const NewChunk chunk{random.below(limit / 2)};
		if (geometry.is_metadata(chunk))
			continue;
		const Status status = (*free)->use(chunk);
		if (!CHECK_EQ(run, status.has_value(), !(*used)[chunk.value]))
			return;
		(*used)[chunk.value] = true;
	}
	for (;;) {
		const NewChunks taken = (*free)->take(1 + random.below(40), {limit});
		if (taken.count == 0)
			break;
		for (uint64_t i = 0; i < taken.count; i++) {
			const uint64_t chunk = taken.begin.value + i;
			if (!CHECK(run, chunk < limit && !geometry.is_metadata({chunk}) &&
						!(*used)[chunk]))
				return;
			(*used)[chunk] = true;
		}
	}
	for (uint64_t chunk = 0; chunk < limit; chunk++)
		if (!CHECK_EQ(run, (*used)[chunk], !geometry.is_metadata({chunk})))
			return;
}
