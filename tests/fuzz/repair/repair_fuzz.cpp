// SPDX-License-Identifier: GPL-2.0-only
/*
 * "dmsnap check", "dump" and "repair" with any store.  A repaired store must have no problems, and
 * check must report the same in text and in JSON.
 *
 *   input: options | header's valid, version, log2 of chunk sectors | entries: old, new, slot
 */
#include <algorithm>

#include <unistd.h>

#include "cli/commands.hpp"
#include "format/disk_header.hpp"
#include "format/little_endian.hpp"
#include "fuzz/input.hpp"
#include "fuzz/tool/files.hpp"

namespace dmsnap::fuzz {
namespace {

using namespace tool;

constexpr size_t store_bytes = 65536;
constexpr uint32_t magic = 0x70416e53;

void put(std::vector<uint8_t> &store, size_t offset, uint64_t value, size_t bytes)
{
	const size_t end = std::min(offset + bytes, store_bytes);
	if (store.size() < end)
		store.resize(end);
	for (; offset < end; offset++, value >>= 8)
		store[offset] = static_cast<uint8_t>(value);
}

/* Without the zeros at its end. */
std::vector<uint8_t> store_of(Input &input)
{
	std::vector<uint8_t> store;
	uint8_t flags = input.byte();
	uint32_t chunk_sectors = 1u << input.byte() % 6;
	put(store, 0, flags & 1 ? input.number<uint32_t>() : magic, 4);
	put(store, 4, flags & 2 ? input.byte() : 1, 4);
	put(store, 8, flags & 4 ? input.byte() : 1, 4);
	put(store, 12, flags & 8 ? input.number<uint32_t>() : chunk_sectors, 4);
	size_t slot = 0;
	while (!input.empty()) {
		uint8_t how = input.byte();
		/* Most slots are adjacent; the others are anywhere. */
		slot = how & 1 ? input.number<uint16_t>() % (store_bytes / 16) : slot + 1;
		size_t at = chunk_sectors * 512 + (slot - 1) * 16;
		uint64_t old_chunk = how & 2 ? input.number<uint64_t>() : input.byte();
		uint64_t new_chunk = how & 4 ? input.number<uint64_t>() : input.byte();
		put(store, at, old_chunk, 8);
		put(store, at + 8, new_chunk, 8);
	}
	return store;
}

void look_and_repair(Input &input)
{
	uint8_t how = input.byte();
	remove_files();
	CheckOptions look;
	look.store.store = write_file("store", store_of(input));
	/* Holes cost nothing. */
	if (truncate(look.store.store.c_str(), store_bytes) != 0)
		does_not_hold("a store can be made longer");
	if (how & 1)
		look.store.origin_bytes = 32768;
	look.store.memory_bytes = how & 2 ? 4096 : 1 << 20;
	ExitCode found = run([&] { return check(look); });
	look.json = true;
	if (run([&] { return check(look); }) != found)
		does_not_hold("check reports the same in text and in JSON");
	run([&] { return dump({.store = look.store, .json = (how & 4) != 0}); });
	run([&] {
		return dump(
			{.store = look.store, .for_restore = true, .with_data = (how & 8) != 0});
	});

	RepairOptions options;
	options.store = look.store;
	options.in_place = true;
	options.force = how & 16;
	if (how & 32)
		options.chunk_sectors = 8;
	/* Without --force an invalid store stays marked invalid. */
	if (run([&] { return repair(options); }) != ExitCode::fine || !options.force)
		return;
	look.store.memory_bytes = 1 << 20;
	if (run([&] { return check(look); }) != ExitCode::fine)
		does_not_hold("a repaired store has no problems");
}

} // namespace
} // namespace dmsnap::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dmsnap::fuzz::Input input(data, size);
	dmsnap::fuzz::look_and_repair(input);
	return 0;
}
