// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes a persistent store with many exceptions, in no order, onto a COW device: in
 * seconds, where writing as many chunks of a snapshot would take hours.  Chunks of
 * 4 KiB; for the guests of tests/bench, statically linked.
 *
 * usage: make-store DEVICE EXCEPTIONS ORIGIN_BITS
 *
 * The origin has 2^ORIGIN_BITS chunks, of which EXCEPTIONS are in the store.  The
 * format is that of format/disk_header.hpp and format/disk_exception.hpp.
 */
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>

#include <fcntl.h>
#include <unistd.h>

namespace {

constexpr size_t chunk_bytes = 4096;
constexpr uint64_t per_area = chunk_bytes / 16;

void put_le(uint8_t *to, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		to[i] = static_cast<uint8_t>(value >> (8 * i));
}

/* One to one on the numbers below 2^@bits. */
uint64_t scatter(uint64_t number, unsigned int bits)
{
	const uint64_t mask = (uint64_t{1} << bits) - 1;
	for (int round = 0; round < 3; round++) {
		number = (number * 0x9e3779b97f4a7c15) & mask;
		number ^= number >> (bits / 2);
	}
	return number;
}

void write_chunk(int device, uint64_t chunk, std::span<const uint8_t> data)
{
	ssize_t written =
		pwrite(device, data.data(), data.size(), static_cast<off_t>(chunk * chunk_bytes));
	if (written == static_cast<ssize_t>(data.size()))
		return;
	fprintf(stderr, "make-store: chunk %llu: %s\n", static_cast<unsigned long long>(chunk),
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
		fprintf(stderr, "make-store: an origin of 2^%u chunks has not %s of them\n", bits,
			argv[2]);
		return 2;
	}
	int device = open(argv[1], O_WRONLY | O_DIRECT);
	if (device < 0) {
		fprintf(stderr, "make-store: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	alignas(chunk_bytes) static uint8_t chunk[chunk_bytes];
	put_le(chunk, 0x70416e53, 4);
	put_le(chunk + 4, 1, 4);
	put_le(chunk + 8, 1, 4);
	put_le(chunk + 12, chunk_bytes / 512, 4);
	write_chunk(device, 0, chunk);

	/* The last one ends the list: it has room, or is empty. */
	for (uint64_t area = 0; area <= exceptions / per_area; area++) {
		const uint64_t at = 1 + area * (per_area + 1);
		memset(chunk, 0, sizeof(chunk));
		for (uint64_t i = 0; i < per_area && area * per_area + i < exceptions; i++) {
			put_le(chunk + 16 * i, scatter(area * per_area + i, bits), 8);
			put_le(chunk + 16 * i + 8, at + 1 + i, 8);
		}
		write_chunk(device, at, chunk);
	}
	return 0;
}
