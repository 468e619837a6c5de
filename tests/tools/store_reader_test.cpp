// SPDX-License-Identifier: GPL-2.0-only
/*
 * StoreReader and the core's loader must agree on every store: valid, damaged, and random
 * ones.
 */
#include <algorithm>

#include "store/store_reader.hpp"
#include "support/seed.hpp"
#include "tools/memory_source.hpp"
#include "unit/store/store_rig.hpp"
#include "user/mapped.hpp"
#include "user/random.hpp"

namespace dmsnap::test {
namespace {

using tool::EntryPlace;
using tool::Finding;
using tool::ReadOptions;
using tool::StoreReader;
using tool::StoreReport;
using user::Device;
using user::Random;

struct Seen final : tool::StoreVisitor {
	void finding(const Finding &finding) override { findings.push_back(finding); }
	void entry(const EntryPlace &place, bool good) override
	{
		entries.push_back(
			{place.exception.old_chunk.value, place.exception.new_chunk.value});
		all_good = all_good && good;
	}
	void dead(const EntryPlace &) override { dead_entries++; }

	bool has(const char *name) const
	{
		return std::ranges::any_of(findings, [&](const Finding &finding) {
			return std::string(finding.kind.name) == name;
		});
	}

	std::vector<Finding> findings;
	Entries entries;
	bool all_good = true;
	uint64_t dead_entries = 0;
};

ReadOptions with_origin(uint64_t bytes)
{
	ReadOptions options;
	options.origin_bytes = bytes;
	return options;
}

StoreReport read(const Device &device, Seen &seen, const ReadOptions &options = ReadOptions())
{
	MemorySource source(device.content(), device.sectors());
	StoreReader reader(source, options);
	return reader.read(seen);
}

struct StoreFixture {
	StoreFixture(uint64_t chunks, uint32_t chunk_sectors)
	    : layout{chunk_sectors},
	      device(world.add_device({.name = "store", .sectors = chunks * chunk_sectors}))
	{
	}

	user::World world;
	Layout layout;
	Device &device;
};

/* Only one world can exist at a time: that of the store, then that of the loader. */
void expect_agreement(uint64_t origin_sectors, const std::function<void(Device &)> &make,
		      uint64_t sectors)
{
	Seen seen;
	StoreReport report;
	user::Image image;
	uint64_t left = 0;
	{
		user::World world;
		Device &device = world.add_device({.name = "store", .sectors = sectors});
		make(device);
		report = read(device, seen, with_origin(origin_sectors * 512));
		left = device.sectors();
		image = device.content();
	}
	user::World world;
	/* To tell a refused store from one that is marked invalid. */
	world.refuse_bad_store = true;
	user::Core core;
	world.add_device({.name = "disk", .sectors = origin_sectors});
	Device &cow = world.add_device({.name = "cow", .sectors = left});
	if (left)
		cow.poke(0, image.read(0, left));
	bool accepts, valid;
	{
		user::Mapped snapshot("snapshot");
		accepts = snapshot.create(user::TargetType::snapshot, origin_sectors,
					  "disk cow P 0") == 0;
		valid = accepts && snapshot.status() != "Invalid";
	}
	if (valid) {
		EXPECT_EQ(report.findings, 0u) << seen.findings[0].kind.name;
		EXPECT_TRUE(seen.all_good);
		EXPECT_EQ(report.not_looked_at, "");
	} else {
		EXPECT_GT(report.findings, 0u);
	}
	if (accepts && !valid) {
		EXPECT_TRUE(seen.has("marked_invalid"));
	}
}

TEST(StoreReader, agrees_with_the_loader_on_stores_of_any_kind)
{
	for_seeds(2500, [](uint64_t seed) {
		Random random(seed);
		uint32_t size = 1u << random.below(5);
		Layout here{size};
		uint64_t count = random.one_in(8) ? 1 + random.below(5)
						  : 3 + random.below(3 * here.slots());
		uint64_t origin_sectors = 1 + random.below(4 * here.slots() * size);
		auto make = [&](Device &device) {
			if (random.one_in(16))
				return;
			put_header(device, size);
			uint64_t capacity = random.one_in(4) ? here.areas(count) * here.slots()
							     : here.capacity(count);
			uint64_t entries = random.one_in(6) ? capacity : random.below(capacity + 1);
			/* One too many at times. */
			uint64_t old_chunks = (origin_sectors + size - 1) / size + random.one_in(4);
			uint64_t first = random.below(old_chunks);
			for (uint64_t n = 0; n < entries; n++)
				put_entry(device, here, n,
					  {(first + n) % old_chunks, 2 + n + n / here.slots()});
			for (uint64_t n = random.below(4); n; n--) {
				uint64_t sector =
					random.below(std::min<uint64_t>(count * size, 3 * size));
				auto data = device.peek(sector, 1);
				data[random.below(random.one_in(2) ? 16 : 512)] =
					static_cast<uint8_t>(random.next());
				device.poke(sector, data);
			}
			if (random.one_in(8))
				device.resize(1 + random.below(count * size));
		};
		expect_agreement(origin_sectors, make, count * size);
	});
}

TEST(StoreReader, agrees_with_the_loader_on_bytes_of_chance)
{
	for_seeds(300, [](uint64_t seed) {
		Random random(seed);
		uint32_t size = 1u << random.below(4);
		uint64_t sectors = 1 + random.below(100 * size);
		auto make = [&](Device &device) {
			for (uint64_t sector = 0; sector < sectors; sector++) {
				std::vector<uint8_t> data(512);
				for (uint8_t &byte : data)
					byte = random.one_in(4)
						       ? static_cast<uint8_t>(random.next())
						       : 0;
				device.poke(sector, data);
			}
			if (!random.one_in(4))
				put_header(device, size);
		};
		expect_agreement(1 << 20, make, sectors);
	});
}

TEST(StoreReader, finds_everything_at_once_and_says_where)
{
	StoreFixture fixture(700, 8);
	put_header(fixture.device, 8);
	put_entry(fixture.device, fixture.layout, 0, {0, 2});
	put_entry(fixture.device, fixture.layout, 1, {1, 700});
	put_entry(fixture.device, fixture.layout, 2, {2, 258});
	put_entry(fixture.device, fixture.layout, 3, {3, 2});
	put_entry(fixture.device, fixture.layout, 4, {0, 5});
	put_entry(fixture.device, fixture.layout, 5, {100, 6});
	Seen seen;
	StoreReport report = read(fixture.device, seen, with_origin(100 * 4096));
	ASSERT_EQ(seen.findings.size(), 5u);
	constexpr const char *names[] = {"new_chunk_out_of_range", "new_chunk_is_metadata",
					 "new_chunk_duplicate", "old_chunk_duplicate",
					 "old_chunk_out_of_range"};
	for (size_t i = 0; i < 5; i++) {
		const Finding &finding = seen.findings[i];
		EXPECT_STREQ(finding.kind.name, names[i]);
		EXPECT_EQ(finding.chunk, 1u);
		EXPECT_EQ(finding.area, 0u);
		EXPECT_EQ(finding.entry->slot, i + 1);
		EXPECT_EQ(finding.offset, 4096 + (i + 1) * 16);
	}
	EXPECT_EQ(report.entries, 6u);
	EXPECT_EQ(report.good_entries, 1u);
}

TEST(StoreReader, notes_dead_entries_and_an_unusual_mark)
{
	StoreFixture fixture(700, 8);
	fixture.device.poke(0, header_sector(0x70416e53, 7, 1, 8));
	put_entry(fixture.device, fixture.layout, 0, {0, 2});
	put_entry(fixture.device, fixture.layout, 2, {1, 3});
	Seen seen;
	StoreReport report = read(fixture.device, seen);
	EXPECT_EQ(report.findings, 0u);
	EXPECT_EQ(report.notes, 2u);
	EXPECT_EQ(report.entries, 1u);
	EXPECT_EQ(seen.dead_entries, 1u);
	EXPECT_TRUE(seen.has("mark_unusual"));
	EXPECT_TRUE(seen.has("dead_entry"));
}

TEST(StoreReader, stops_at_an_area_that_cannot_be_read_and_says_so)
{
	StoreFixture fixture(700, 8);
	put_header(fixture.device, 8);
	for (uint64_t n = 0; n < 300; n++)
		put_entry(fixture.device, fixture.layout, n, {n, 2 + n + n / 256});
	MemorySource source(fixture.device.content(), fixture.device.sectors());
	source.bad_begin = fixture.layout.area_sector(1);
	source.bad_end = source.bad_begin + 1;
	StoreReader reader(source, {});
	Seen seen;
	const StoreReport &report = reader.read(seen);
	EXPECT_TRUE(seen.has("read_failed"));
	EXPECT_EQ(report.entries, 256u);
	EXPECT_EQ(report.end_area, 1u);
	EXPECT_FALSE(report.ended);
	EXPECT_NE(report.not_looked_at, "");
}

TEST(StoreReader, of_chunks_all_over_stays_in_its_memory)
{
	constexpr uint64_t entries = 3000;
	StoreFixture fixture(4 * entries, 8);
	put_header(fixture.device, 8);
	for (uint64_t n = 0; n < entries; n++)
		put_entry(fixture.device, fixture.layout, n, {n << 30, 2 + n + n / 256});
	Seen seen;
	ReadOptions options;
	options.memory_bytes = 256 << 10;
	StoreReport report = read(fixture.device, seen, options);
	EXPECT_TRUE(report.short_of_memory);
	EXPECT_NE(report.not_looked_at, "");
	EXPECT_EQ(report.entries, entries);
}

} // namespace
} // namespace dmsnap::test
