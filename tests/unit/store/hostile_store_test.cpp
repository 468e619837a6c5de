// SPDX-License-Identifier: GPL-2.0-only
/*
 * Damaged and forged stores.  Each is refused with the error that names the damage, and a log line
 * that says what was found where.  None may cost more than a good store.
 */
#include <algorithm>
#include <functional>

#include "support/complaints.hpp"
#include "support/seed.hpp"
#include "unit/store/hostile_store.hpp"
#include "user/memory.hpp"
#include "user/random.hpp"

namespace dmsnap::test {
namespace {

using user::Device;
using user::Op;
using user::Random;

struct Hostile {
	const char *name;
	std::function<void(Device &)> damage;
	Error error;
	const char *log;
};

void PrintTo(const Hostile &hostile, std::ostream *out)
{
	*out << hostile.name;
}

/* Leaves out the warning that the header's chunk size overrides the table's. */
std::vector<std::string> refusals(const StoreRig &rig)
{
	std::vector<std::string> lines = complaints(rig.world);
	std::erase_if(lines, [](const std::string &line) {
		return line.find("overrides table chunk size") != std::string::npos;
	});
	return lines;
}

class HostileStores : public testing::TestWithParam<Hostile> {};

INSTANTIATE_TEST_SUITE_P(
	Persistent, HostileStores,
	testing::Values(
		Hostile{"of_another_magic", header(0x70416e54, 1, chunk), Error::magic_unknown,
			"Invalid or corrupt snapshot"},
		Hostile{"of_one_stray_bit_of_magic", header(1u << 31, 1, chunk),
			Error::magic_unknown, "Invalid or corrupt snapshot"},
		Hostile{"of_version_0", header(snap_magic, 0, chunk), Error::version_unknown,
			"unable to handle snapshot disk version 0"},
		Hostile{"of_version_2", header(snap_magic, 2, chunk), Error::version_unknown,
			"unable to handle snapshot disk version 2"},
		Hostile{"of_chunk_size_0", header(snap_magic, 1, 0),
			Error::chunk_size_not_power_of_2,
			"invalid on-disk chunk size 0: Chunk size is not a power of 2"},
		Hostile{"of_chunk_size_3", header(snap_magic, 1, 3),
			Error::chunk_size_not_power_of_2,
			"invalid on-disk chunk size 3: Chunk size is not a power of 2"},
		Hostile{"of_chunk_size_2_to_22", header(snap_magic, 1, 1u << 22),
			Error::chunk_size_too_high,
			"invalid on-disk chunk size 4194304: Chunk size is too high"},
		Hostile{"of_chunk_size_2_to_31", header(snap_magic, 1, 1u << 31),
			Error::chunk_size_too_high, "invalid on-disk chunk size 2147483648"},
		Hostile{"of_all_bits_of_chunk_size", header(snap_magic, 1, UINT32_MAX),
			Error::chunk_size_not_power_of_2, "invalid on-disk chunk size 4294967295"},
		Hostile{"of_a_chunk_longer_than_the_device", header(snap_magic, 1, 1u << 21),
			Error::store_unterminated,
			"the list of exceptions runs off the COW device"},
		Hostile{"with_a_chunk_behind_the_device", fourth({9, chunks}),
			Error::new_chunk_out_of_range,
			"COW chunk outside the COW device (area 0, entry 3: origin chunk 9 in "
			"COW chunk 700)"},
		Hostile{"with_the_top_byte_set", fourth({9, 0xffull << 56 | 3}),
			Error::new_chunk_out_of_range,
			"entry 3: origin chunk 9 in COW chunk 18374686479671623683)"},
		Hostile{"with_the_largest_chunk", fourth({9, UINT64_MAX}),
			Error::new_chunk_out_of_range, "COW chunk 18446744073709551615)"},
		Hostile{"with_one_chunk_twice", fourth({9, 3}), Error::new_chunk_duplicate,
			"COW chunk used twice (area 0, entry 3: origin chunk 9 in COW chunk 3)"},
		Hostile{"with_the_first_chunk_twice", fourth({9, 2}), Error::new_chunk_duplicate,
			"COW chunk used twice (area 0, entry 3"},
		Hostile{"with_data_in_its_first_area", fourth({9, 1}), Error::new_chunk_is_metadata,
			"COW chunk is the header or metadata (area 0, entry 3: origin chunk 9 in "
			"COW chunk 1)"},
		Hostile{"with_data_in_a_later_area", fourth({9, 258}), Error::new_chunk_is_metadata,
			"origin chunk 9 in COW chunk 258)"},
		Hostile{"with_damage_in_its_second_area",
			[](Device &device) {
				put_endless(device);
				put_entry(device, layout, 300, {7, 2});
			},
			Error::new_chunk_duplicate, "COW chunk used twice (area 1, entry 44"},
		Hostile{"without_an_end", put_endless, Error::store_unterminated,
			"the list of exceptions runs off the COW device"},
		Hostile{"cut_off_behind_the_header",
			[](Device &device) {
				put_header(device, chunk);
				device.resize(chunk);
			},
			Error::store_unterminated,
			"the list of exceptions runs off the COW device"},
		Hostile{"cut_off_inside_the_area",
			[](Device &device) {
				put_header(device, chunk);
				device.resize(2 * chunk - 1);
			},
			Error::store_unterminated,
			"the list of exceptions runs off the COW device"},
		Hostile{"cut_off_behind_the_area",
			[](Device &device) {
				fourth({9, 30})(device);
				device.resize(2 * chunk);
			},
			Error::new_chunk_out_of_range, "(area 0, entry 0"},
		Hostile{"on_a_device_of_one_chunk", [](Device &device) { device.resize(chunk); },
			Error::device_too_small,
			"the COW device is too small for a store: 8 sectors, chunks of 8 sectors"},
		Hostile{"on_a_device_too_short_for_an_area",
			[](Device &device) { device.resize(2 * chunk - 1); },
			Error::device_too_small, "15 sectors"}),
	[](const auto &test) { return std::string(test.param.name); });

TEST_P(HostileStores, is_refused_with_its_error_and_one_line_in_the_log)
{
	StoreRig rig({.sectors = chunks * chunk});
	GetParam().damage(rig.device);
	user::Image before = rig.device.content();
	auto content = rig.try_open(chunk);
	ASSERT_FALSE(content);
	EXPECT_EQ(content.error(), GetParam().error) << to_text(content.error());
	auto lines = refusals(rig);
	ASSERT_EQ(lines.size(), 1u);
	EXPECT_NE(lines[0].find(GetParam().log), std::string::npos) << lines[0];
	EXPECT_TRUE(rig.device.content() == before);
}

TEST(HostileStore, of_a_chunk_size_that_is_not_of_whole_blocks_is_refused)
{
	StoreRig rig({.sectors = chunks * chunk, .block_sectors = 8});
	rig.device.poke(0, good_header(4));
	auto content = rig.try_open(8);
	ASSERT_FALSE(content);
	EXPECT_EQ(content.error(), Error::chunk_size_not_of_blocks);
	EXPECT_EQ(complaints(rig.world),
		  std::vector<std::string>{"error: invalid on-disk chunk size 4: Chunk size is not "
					   "a multiple of device blocksize."});
}

TEST(HostileStore, marked_valid_with_any_number_is_a_store)
{
	StoreRig rig({.sectors = chunks * chunk});
	rig.device.poke(0, header_sector(snap_magic, 0x80000000, 1, chunk));
	auto content = rig.try_open(0);
	ASSERT_TRUE(content);
	EXPECT_TRUE(content->valid);
	EXPECT_TRUE(complaints(rig.world).empty());
}

TEST(HostileStore, marked_invalid_may_hold_anything)
{
	StoreRig rig({.sectors = chunks * chunk});
	fourth({9, UINT64_MAX})(rig.device);
	rig.device.poke(0, header_sector(snap_magic, 0, 1, chunk));
	auto content = rig.try_open(0);
	ASSERT_TRUE(content);
	EXPECT_FALSE(content->valid);
	EXPECT_EQ(rig.device.counters().reads, 1u);
}

TEST(HostileStore, that_cannot_be_read_is_refused_whichever_read_it_is)
{
	/*
	 * Reads are of 64 KiB, and an area has 128 KiB: the header, two pieces, one piece of the
	 * next area that is read ahead, and the block in which the list ends.
	 */
	Layout big{256};
	constexpr bool matters[] = {true, true, true, false, true};
	for (uint64_t n = 1; n <= std::size(matters); n++) {
		StoreRig rig({.sectors = 256 * big.area_chunk(2)});
		put_header(rig.device, 256);
		for (uint64_t i = 0; i < 300; i++)
			put_entry(rig.device, big, i, {i, i + 2});
		size_t outstanding = user::Memory::instance().outstanding();
		rig.device.fail_nth(Op::read, n);
		auto content = rig.try_open(0);
		EXPECT_EQ(rig.device.in_flight(), 0u);
		ASSERT_EQ(!content, matters[n - 1]) << "read " << n;
		if (content) {
			EXPECT_EQ(rig.device.counters().reads, std::size(matters));
			continue;
		}
		EXPECT_EQ(content.error(), Error::read_failed);
		auto lines = complaints(rig.world);
		ASSERT_EQ(lines.size(), 1u) << "read " << n;
		EXPECT_NE(lines[0].find("reading"), std::string::npos) << lines[0];
		EXPECT_EQ(user::Memory::instance().outstanding(), outstanding) << "read " << n;
	}
}

TEST(HostileStore, of_which_an_area_cannot_be_read_names_the_area)
{
	StoreRig rig({.sectors = chunks * chunk});
	put_endless(rig.device);
	rig.device.fail_range(Op::read, layout.area_sector(1), chunk);
	auto content = rig.try_open(0);
	ASSERT_FALSE(content);
	EXPECT_EQ(content.error(), Error::read_failed);
	ASSERT_EQ(complaints(rig.world).size(), 1u);
	EXPECT_TRUE(rig.world.log_holds("reading area 1 failed"));
}

TEST(HostileStore, that_the_visitor_refuses_is_refused_with_the_place)
{
	StoreRig rig({.sectors = chunks * chunk});
	fourth({9, 30})(rig.device);
	Collector picky;
	picky.refuse_at = 2;
	auto content = PersistentStore::open(rig.cow, {}, 0, *rig.worker, picky);
	ASSERT_FALSE(content);
	EXPECT_EQ(content.error(), Error::old_chunk_duplicate);
	EXPECT_EQ(complaints(rig.world),
		  std::vector<std::string>{
			  "error: snapshot store refused: origin chunk recorded "
			  "twice (area 0, entry 2: origin chunk 2 in COW chunk 4)"});
}

TEST(HostileStore, of_large_chunks_costs_no_more_memory_than_another)
{
	/* Areas of 8 MiB, read in pieces of 64 KiB, 32 at a time, with a page for each. */
	constexpr uint32_t large = 1u << 14;
	StoreRig rig({.sectors = 4 * large});
	put_header(rig.device, large);
	size_t before = user::Memory::instance().bytes();
	size_t most = 0;
	bool opened = false;
	rig.world.spawn("open", [&] {
		rig.open(0);
		opened = true;
	});
	rig.world.run_until([&] {
		most = std::max(most, user::Memory::instance().bytes() - before);
		return opened;
	});
	EXPECT_TRUE(opened);
	EXPECT_GT(most, 1u << 20);
	EXPECT_LT(most, (2u << 20) + (1u << 18));
}

/* Random damage: no crash, no hang, and no store that lies about its chunks. */
TEST(HostileStore, of_random_bytes_is_refused_or_makes_sense)
{
	for_seeds(1500, [](uint64_t seed) {
		Random random(seed);
		uint32_t size = 1u << random.below(5);
		Layout here{size};
		uint64_t count = 3 + random.below(3 * here.slots());
		StoreRig rig({.sectors = count * size});
		put_header(rig.device, size);
		uint64_t entries = random.below(here.areas(count) * here.slots() + 1);
		for (uint64_t n = 0; n < entries; n++)
			put_entry(rig.device, here, n, {n, 2 + n + n / here.slots()});
		for (uint64_t n = 1 + random.below(3); n; n--) {
			uint64_t sector = random.below(std::min<uint64_t>(count * size, 3 * size));
			auto data = rig.device.peek(sector, 1);
			data[random.below(random.one_in(2) ? 16 : 512)] =
				static_cast<uint8_t>(random.next());
			rig.device.poke(sector, data);
		}
		auto content = rig.try_open(size);
		if (!content) {
			EXPECT_EQ(refusals(rig).size(), 1u);
			return;
		}
		std::vector<bool> used(count);
		Layout found{rig.loaded.chunk_sectors};
		for (Entry entry : rig.loaded.entries) {
			ASSERT_LT(entry.new_chunk, count * size / found.chunk_sectors);
			used.resize(std::max<size_t>(used.size(), entry.new_chunk + 1));
			ASSERT_FALSE(used[entry.new_chunk]);
			ASSERT_FALSE(found.is_metadata(entry.new_chunk));
			used[entry.new_chunk] = true;
		}
		if (content->store)
			content->store->quiesce();
	});
}

} // namespace
} // namespace dmsnap::test
