// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes volumes and stores for the tests of the tools, in files, with the core itself:
 *
 * store-maker volume ORIGIN SECTORS SEED
 * store-maker snapshot ORIGIN COW CHUNK_SECTORS WRITES SEED
 * store-maker scattered COW CHUNK_SECTORS EXCEPTIONS CHUNKS SEED
 *
 * volume makes a volume with random contents; every eighth sector is zero.  snapshot makes a
 * snapshot of it on the image COW, writes to the volume WRITES times, and deactivates both.
 * scattered makes a large store in a sparse file, of a volume with CHUNKS chunks.  Its
 * exceptions are scattered evenly and unsorted, and no two of them are adjacent.
 */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "format/disk_exception.hpp"
#include "format/disk_header.hpp"
#include "format/geometry.hpp"
#include "user/mapped.hpp"
#include "user/random.hpp"
#include "user/world.hpp"

namespace {

using namespace dmsnap;
using namespace dmsnap::user;

constexpr uint64_t sector_bytes = 512;

[[noreturn]] void give_up(const char *what)
{
	std::fprintf(stderr, "store-maker: %s\n", what);
	std::exit(2);
}

uint64_t number(const char *text)
{
	return std::strtoull(text, nullptr, 10);
}

std::vector<uint8_t> random_sectors(Random &random, uint64_t sectors)
{
	std::vector<uint8_t> data(sectors * sector_bytes);
	for (uint64_t sector = 0; sector < sectors; sector++) {
		uint64_t value = random.next();
		for (size_t i = 0; value % 8 && i < sector_bytes; i += sizeof(value)) {
			value = Random::mix(value);
			std::memcpy(&data[sector * sector_bytes + i], &value, sizeof(value));
		}
	}
	return data;
}

std::vector<uint8_t> load(const char *path)
{
	std::vector<uint8_t> data(std::filesystem::file_size(path));
	std::ifstream file(path, std::ios::binary);
	if (!file.read(reinterpret_cast<char *>(data.data()),
		       static_cast<std::streamsize>(data.size())))
		give_up("an image cannot be read");
	return data;
}

void save(const char *path, const std::vector<uint8_t> &data)
{
	std::ofstream file(path, std::ios::binary);
	if (!file.write(reinterpret_cast<const char *>(data.data()),
			static_cast<std::streamsize>(data.size())))
		give_up("an image cannot be written");
}

Device &add(World &world, const char *name, const std::vector<uint8_t> &data)
{
	Device &device = world.add_device({.name = name, .sectors = data.size() / sector_bytes});
	device.poke(0, data);
	return device;
}

void make_snapshot(char **words)
{
	World world;
	Core core;
	Random random(number(words[4]));
	Device &origin = add(world, "disk", load(words[0]));
	Device &cow = add(world, "cow", load(words[1]));
	uint64_t sectors = origin.sectors();
	{
		Mapped volume("volume"), snapshot("snapshot");
		if (volume.create(TargetType::origin, sectors, "disk") ||
		    snapshot.create(TargetType::snapshot, sectors,
				    std::string("disk cow P ") + words[2]))
			give_up("the snapshot cannot be made");
		for (uint64_t i = number(words[3]); i; i--) {
			uint64_t at = random.below(sectors);
			uint64_t length = 1 + random.below(std::min<uint64_t>(sectors - at, 40));
			if (volume.write(at, random_sectors(random, length)))
				give_up("a write failed");
		}
		volume.flush();
		if (snapshot.status().find('/') == std::string::npos)
			give_up("the snapshot did not stay valid");
	}
	world.run_until_idle();
	save(words[0], origin.peek(0, sectors));
	save(words[1], cow.peek(0, cow.sectors()));
}

void make_scattered(char **words)
{
	const format::Geometry geometry{ChunkSize(static_cast<uint32_t>(number(words[1])))};
	const uint64_t exceptions = number(words[2]), step = number(words[3]) / exceptions;
	const uint64_t chunk_bytes = geometry.chunk_size().bytes();
	/* A prime: its multiples, modulo another number, reach each place once. */
	constexpr uint64_t stride = 7919;
	Random random(number(words[4]));
	std::ofstream file(words[0], std::ios::binary);
	std::vector<std::byte> chunk(chunk_bytes);

	auto write = [&](NewChunk to) {
		file.seekp(static_cast<std::streamoff>(to.value * chunk_bytes));
		file.write(reinterpret_cast<const char *>(chunk.data()),
			   static_cast<std::streamsize>(chunk.size()));
	};
	if (step < 2 || exceptions % stride == 0)
		give_up("so many chunks cannot be scattered");
	format::encode({.valid = true, .chunk_sectors = geometry.chunk_size().sectors()}, chunk);
	write(format::header_chunk);
	uint64_t written = 0;
	/* The list ends in the last area. */
	for (uint64_t area = 0; area <= geometry.area_of_exception(exceptions); area++) {
		format::MutableAreaView entries(chunk);
		entries.wipe(0);
		for (size_t slot = 0; slot < entries.slots() && written < exceptions; slot++) {
			uint64_t place = written++ * stride % exceptions;
			entries.write(slot, {{place * step + random.below(step - 1)},
					     geometry.area_chunk(area) + (1 + slot)});
		}
		write(geometry.area_chunk(area));
	}
	file.close();
	std::filesystem::resize_file(words[0], geometry.chunks_for(exceptions) * chunk_bytes);
	if (!file)
		give_up("an image cannot be written");
}

} // namespace

int main(int argc, char **argv)
{
	if (argc == 5 && std::string(argv[1]) == "volume") {
		Random random(number(argv[4]));
		save(argv[2], random_sectors(random, number(argv[3])));
		return 0;
	}
	if (argc == 7 && std::string(argv[1]) == "snapshot") {
		make_snapshot(argv + 2);
		return 0;
	}
	if (argc == 7 && std::string(argv[1]) == "scattered") {
		make_scattered(argv + 2);
		return 0;
	}
	give_up("volume ORIGIN SECTORS SEED | snapshot ORIGIN COW CHUNK_SECTORS WRITES SEED | "
		"scattered COW CHUNK_SECTORS EXCEPTIONS CHUNKS SEED");
}
