// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes a persistent store with many exceptions, in random order, to a COW device.  It takes
 * seconds; writing the chunks through a snapshot would take hours.  Chunks of 4 KiB; statically
 * linked, for the guests of tests/bench.
 *
 * usage: make-store DEVICE EXCEPTIONS ORIGIN_BITS
 *
 * The origin has 2^ORIGIN_BITS chunks, of which EXCEPTIONS are in the store.
 */
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>

#include <fcntl.h>
#include <unistd.h>

#include "format/disk_exception.hpp"
#include "format/disk_header.hpp"
#include "format/geometry.hpp"

namespace {

using namespace dmsnap;

constexpr uint32_t chunk_sectors = 8;
constexpr size_t chunk_bytes = chunk_sectors * 512;
constexpr format::Geometry geometry{ChunkSize(chunk_sectors)};

/* A permutation of the numbers below 2^@bits. */
uint64_t scatter(uint64_t number, unsigned int bits)
{
	const uint64_t mask = (uint64_t{1} << bits) - 1;
	for (int round = 0; round < 3; round++) {
		number = (number * 0x9e3779b97f4a7c15) & mask;
		number ^= number >> (bits / 2);
	}
	return number;
}

void write_chunk(int device, NewChunk chunk, std::span<const std::byte> data)
{
	ssize_t written = pwrite(device, data.data(), data.size(),
				 static_cast<off_t>(chunk.value * chunk_bytes));
	if (written == static_cast<ssize_t>(data.size()))
		return;
	fprintf(stderr, "make-store: chunk %llu: %s\n",
		static_cast<unsigned long long>(chunk.value),
		written < 0 ? strerror(errno) : "the device is too small");
	exit(1);
}

} // namespace

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: make-store DEVICE EXCEPTIONS ORIGIN_BITS\n");
		return 2;
	}
	const uint64_t exceptions = strtoull(argv[2], nullptr, 10);
	const auto bits = static_cast<unsigned int>(strtoul(argv[3], nullptr, 10));
	if (bits < 2 || bits > 40 || exceptions > uint64_t{1} << bits) {
		fprintf(stderr, "make-store: an origin of 2^%u chunks does not have %s of them\n",
			bits, argv[2]);
		return 2;
	}
	int device = open(argv[1], O_WRONLY | O_DIRECT);
	if (device < 0) {
		fprintf(stderr, "make-store: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	alignas(chunk_bytes) static std::byte chunk[chunk_bytes];
	format::encode({.chunk_sectors = chunk_sectors}, chunk);
	write_chunk(device, format::header_chunk, chunk);

	/* The last area ends the list: it has room, or is empty. */
	format::MutableAreaView area(chunk);
	uint64_t exception = 0;
	for (uint64_t number = 0; number <= geometry.area_of_exception(exceptions); number++) {
		const NewChunk at = geometry.area_chunk(number);
		area.wipe(0);
		for (uint32_t slot = 0; slot < area.slots() && exception < exceptions; slot++)
			area.write(slot, {{scatter(exception++, bits)}, at + 1 + slot});
		write_chunk(device, at, chunk);
	}
	return 0;
}
