// SPDX-License-Identifier: GPL-2.0-only
/* Which chunks of its device PersistentStore hands out, and how many are left. */
#include <algorithm>
#include <array>
#include <set>

#include "support/seed.hpp"
#include "unit/store/store_rig.hpp"
#include "user/random.hpp"

namespace dmsnap::test {
namespace {

using user::Op;
using user::Random;

TEST(PersistentStore, running_out_exactly_at_the_end_of_an_area_is_a_full_device)
{
	/* The header, area 0 and 256 data chunks; area 1 would be behind the end. */
	StoreRig rig({.sectors = 258 * 8});
	rig.open(8);
	ASSERT_TRUE(rig.add(254));
	auto last = rig.store->prepare(2);
	ASSERT_TRUE(last);
	EXPECT_EQ(last->count, 1u);
	ASSERT_TRUE(rig.commit({{{999}, last->begin, last->count}}));
	auto full = rig.store->prepare(1);
	ASSERT_FALSE(full);
	EXPECT_EQ(full.error(), Error::cow_device_full);
	rig.reopen();
	EXPECT_EQ(rig.loaded.entries.size(), 255u);
	EXPECT_FALSE(rig.store->prepare(1));
	EXPECT_EQ(rig.device.log().back().op, Op::read);
}

TEST(PersistentStore, growth_of_the_device_is_picked_up_without_a_reload)
{
	StoreRig rig({.sectors = 258 * 8});
	rig.open(8);
	ASSERT_TRUE(rig.add(255));
	ASSERT_FALSE(rig.store->prepare(1));
	/* Room for area 1 makes data chunk 257 usable; one more chunk is data. */
	rig.device.resize(259 * 8);
	EXPECT_EQ(rig.store->usage().total_sectors, 259u * 8);
	auto one = rig.store->prepare(5);
	ASSERT_TRUE(one);
	EXPECT_EQ(one->begin.value, 257u);
	EXPECT_EQ(one->count, 1u);
	ASSERT_TRUE(rig.commit({{{300}, one->begin, 1}}));
	EXPECT_FALSE(rig.store->prepare(1));
	rig.device.resize(300 * 8);
	auto two = rig.store->prepare(100);
	ASSERT_TRUE(two);
	EXPECT_EQ(two->begin.value, 259u);
	EXPECT_EQ(two->count, 41u);
	ASSERT_TRUE(rig.commit({{{400}, two->begin, two->count}}));
	rig.reopen();
	EXPECT_EQ(rig.loaded.entries.size(), 255u + 1 + 41);
}

TEST(PersistentStore, a_chunk_that_the_device_holds_only_in_part_is_not_handed_out)
{
	StoreRig rig({.sectors = 10 * 8 + 7});
	rig.open(8);
	uint64_t count = 0;
	while (auto taken = rig.store->prepare(100))
		count += taken->count;
	EXPECT_EQ(count, 8u);
}

TEST(PersistentStore, usage_counts_header_areas_and_what_was_handed_out)
{
	StoreRig rig({.sectors = 8 * 600 + 3});
	rig.open(8);
	auto usage = [&] {
		StoreUsage now = rig.store->usage();
		return std::array{now.allocated_sectors, now.total_sectors, now.metadata_sectors};
	};
	using Usage = std::array<uint64_t, 3>;
	EXPECT_EQ(usage(), (Usage{16, 4803, 16}));
	auto runs = rig.prepare(*rig.store, 1, 0);
	EXPECT_EQ(usage(), (Usage{24, 4803, 16}));
	ASSERT_TRUE(rig.commit(runs));
	EXPECT_EQ(usage(), (Usage{24, 4803, 16}));
	ASSERT_TRUE(rig.add(254));
	EXPECT_EQ(usage(), (Usage{257 * 8, 4803, 16}));
	/* Area 0 is full, so the list continues in area 1, which is not handed out as data. */
	ASSERT_TRUE(rig.add(1));
	EXPECT_EQ(usage(), (Usage{259 * 8, 4803, 24}));
	rig.reopen();
	EXPECT_EQ(usage(), (Usage{259 * 8, 4803, 24}));
}

/* The example in the kernel's documentation; nothing is recorded yet. */
TEST(PersistentStore, usage_counts_the_areas_that_chunks_handed_out_will_need)
{
	StoreRig rig({.sectors = 2097152});
	rig.open(8);
	for (int write = 0; write < 49542; write++)
		ASSERT_TRUE(rig.store->prepare(1));
	StoreUsage usage = rig.store->usage();
	EXPECT_EQ(usage.allocated_sectors, 397896u);
	EXPECT_EQ(usage.metadata_sectors, 1560u);
}

/* Over two areas, with free chunks below used ones, until the device is full. */
TEST(PersistentStore, free_chunks_are_as_many_as_can_be_prepared)
{
	constexpr uint64_t chunk = 8;
	Layout layout{chunk};
	for (uint64_t device_chunks : {2, 3, 257, 258, 259, 260, 300, 515, 516, 517}) {
		SCOPED_TRACE(device_chunks);
		StoreRig rig({.sectors = device_chunks * chunk + 5});
		put_header(rig.device, chunk);
		uint64_t exception = 0;
		/* Holes before and between these chunks; one hole spans a metadata chunk. */
		for (uint64_t at : {20, 21, 30, 254, 270, 280})
			if (at < device_chunks)
				put_entry(rig.device, layout, exception++, {at, at});
		rig.open(chunk);
		uint64_t before = rig.store->free_chunks();
		uint64_t left = before;
		while (auto taken = rig.store->prepare(7)) {
			left -= taken->count;
			EXPECT_EQ(rig.store->free_chunks(), left);
		}
		EXPECT_EQ(left, 0u);
		EXPECT_EQ(before, layout.capacity(device_chunks) - exception);
		EXPECT_FALSE(rig.store->cut_off());
	}
}

TEST(PersistentStore, a_device_that_ends_before_a_used_chunk_is_cut_off)
{
	StoreRig rig({.sectors = 8 * 600});
	rig.open(8);
	EXPECT_FALSE(rig.store->cut_off());
	rig.device.resize(2 * 8 - 1);
	EXPECT_TRUE(rig.store->cut_off());
	rig.device.resize(2 * 8);
	EXPECT_FALSE(rig.store->cut_off());
	rig.device.resize(300 * 8);
	/* Up to the last chunk before area 1; the next free one is behind it. */
	ASSERT_TRUE(rig.store->prepare(256));
	rig.device.resize(258 * 8);
	EXPECT_FALSE(rig.store->cut_off());
	EXPECT_EQ(rig.store->prepare(1).error(), Error::cow_device_full);
	rig.device.resize(258 * 8 - 1);
	EXPECT_TRUE(rig.store->cut_off());
	EXPECT_EQ(rig.store->prepare(1).error(), Error::cow_device_cut_off);
	EXPECT_EQ(rig.store->free_chunks(), 0u);
	rig.device.resize(0);
	EXPECT_EQ(rig.store->prepare(1).error(), Error::cow_device_cut_off);
}

TEST(PersistentStore, holes_are_found_at_load_and_handed_out_first)
{
	Layout layout{8};
	StoreRig rig({.sectors = 8 * 600});
	put_header(rig.device, 8);
	/* In an order in which copies might have ended. */
	const Entries recorded = {{1, 5}, {2, 260}, {3, 2}, {4, 255}, {5, 4}, {6, 261}};
	for (size_t i = 0; i < recorded.size(); i++)
		put_entry(rig.device, layout, i, recorded[i]);
	rig.open(8);
	EXPECT_EQ(rig.loaded.entries, recorded);
	auto next = [&](uint64_t wanted) {
		auto taken = rig.store->prepare(wanted);
		return taken ? std::pair{taken->begin.value, taken->count} : std::pair{0ul, 0ul};
	};
	using Taken = std::pair<uint64_t, uint64_t>;
	EXPECT_EQ(next(100), (Taken{3, 1}));
	EXPECT_EQ(next(100), (Taken{6, 100}));
	EXPECT_EQ(next(1000), (Taken{106, 149}));
	/* Chunk 258 is area 1. */
	EXPECT_EQ(next(1000).first, 256u);
}

TEST(PersistentStore, allocated_chunks_never_leak_over_reloads)
{
	for_seeds(30, [](uint64_t seed) {
		Random random(seed);
		uint32_t chunk = 1u << random.below(4);
		Layout layout{chunk};
		uint64_t chunks = 2 + random.below(4 * layout.slots());
		StoreRig rig({.sectors = chunks * chunk});
		rig.open(chunk);
		Entries list;
		for (int round = 0; round < 6; round++) {
			/* Prepared in one order; some are recorded, in another order. */
			Runs runs;
			for (uint64_t n = random.below(40); n; n--) {
				auto taken = rig.store->prepare(1 + random.below(9));
				if (!taken)
					break;
				runs.push_back({{list.size() + 10000 * runs.size()},
						taken->begin,
						taken->count});
			}
			for (size_t i = runs.size(); i > 1; i--)
				std::swap(runs[i - 1], runs[random.below(i)]);
			runs.resize(random.below(runs.size() + 1));
			ASSERT_TRUE(rig.commit(runs));
			for (Entry entry : entries_of(runs))
				list.push_back(entry);
			rig.reopen();
			ASSERT_EQ(rig.loaded.entries, list);
		}
		std::set<uint64_t> used;
		for (Entry entry : list)
			ASSERT_TRUE(used.insert(entry.new_chunk).second);
		while (auto taken = rig.store->prepare(1 + random.below(9)))
			for (uint64_t i = 0; i < taken->count; i++) {
				uint64_t chunk_number = taken->begin.value + i;
				ASSERT_TRUE(used.insert(chunk_number).second) << chunk_number;
				ASSERT_FALSE(layout.is_metadata(chunk_number)) << chunk_number;
				ASSERT_LT(chunk_number, chunks);
			}
		EXPECT_EQ(used.size(), layout.capacity(chunks));
	});
}

} // namespace
} // namespace dmsnap::test
