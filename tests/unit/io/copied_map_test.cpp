// SPDX-License-Identifier: GPL-2.0-only
/*
 * CopiedMap knows what was put into this generation and nothing else.  An origin asks a snapshot
 * that was added later.
 */
#include "io/copied_map.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "base/guard.hpp"
#include "support/seed.hpp"
#include "unit/snapshot/snapshot_fixture.hpp"
#include "user/memory.hpp"
#include "user/random.hpp"

namespace dmsnap::test {
namespace {

constexpr uint64_t page = uint64_t{1} << CopiedMap::page_shift;

class CopiedMapTest : public testing::Test {
protected:
	void SetUp() override { ASSERT_TRUE(map_.allocate()); }
	void put(uint64_t sector, uint64_t end) { map_.put(sector, end, map_.generation()); }
	bool holds(uint64_t sector, uint64_t end) const
	{
		return map_.holds(sector, end, map_.generation());
	}

	user::World world_;
	CopiedMap map_;
};

TEST_F(CopiedMapTest, a_new_one_knows_nothing)
{
	for (uint64_t sector : {uint64_t{0}, uint64_t{8}, uint64_t{1} << 40})
		EXPECT_FALSE(holds(sector, sector + 8)) << sector;
}

TEST_F(CopiedMapTest, a_whole_region_is_kept_and_serves_for_its_parts)
{
	put(16, 24);
	EXPECT_TRUE(holds(16, 24));
	EXPECT_TRUE(holds(17, 18));
	EXPECT_FALSE(holds(15, 17));
	EXPECT_FALSE(holds(23, 25));
	EXPECT_FALSE(holds(8, 16));
	EXPECT_FALSE(holds(24, 32));
	EXPECT_FALSE(holds(8, 32));
}

TEST_F(CopiedMapTest, part_of_a_region_is_not_kept)
{
	put(16, 23);
	put(17, 24);
	put(17, 25);
	put(15, 23);
	EXPECT_FALSE(holds(16, 17));
	EXPECT_FALSE(holds(18, 20));
	EXPECT_FALSE(holds(8, 9));
}

TEST_F(CopiedMapTest, of_a_long_stretch_the_whole_regions_are_kept)
{
	put(12, 45);
	EXPECT_FALSE(holds(12, 16));
	for (uint64_t sector = 16; sector < 40; sector += 8)
		EXPECT_TRUE(holds(sector, sector + 8)) << sector;
	EXPECT_FALSE(holds(40, 45));
	put(800, 1'000'000);
	EXPECT_TRUE(holds(800, 808));
	EXPECT_TRUE(holds(999'992, 1'000'000));
	EXPECT_FALSE(holds(1'000'000, 1'000'008));
	EXPECT_TRUE(holds(16, 24)) << "as before";
}

TEST_F(CopiedMapTest, a_stretch_over_two_pages_is_kept_and_asked_for_in_each)
{
	put(page - 16, page + 16);
	EXPECT_TRUE(holds(page - 16, page));
	EXPECT_TRUE(holds(page, page + 16));
	EXPECT_FALSE(holds(page - 24, page - 8));
	EXPECT_FALSE(holds(page + 8, page + 24));
	EXPECT_EQ(map_.pages(), 2u);
}

TEST_F(CopiedMapTest, pages_of_one_place_are_not_mistaken_for_each_other)
{
	constexpr uint64_t stride = CopiedMap::places * page;
	put(16, 24);
	EXPECT_FALSE(holds(16 + stride, 24 + stride));
	/* The first page keeps the place until the generation ends. */
	put(16 + stride, 24 + stride);
	EXPECT_FALSE(holds(16 + stride, 24 + stride));
	EXPECT_TRUE(holds(16, 24));
	map_.forget();
	put(32 + stride, 40 + stride);
	EXPECT_TRUE(holds(32 + stride, 40 + stride));
	EXPECT_FALSE(holds(16 + stride, 24 + stride)) << "of the page that was there before";
	EXPECT_FALSE(holds(32, 40));
	EXPECT_EQ(map_.pages(), 1u);
}

TEST_F(CopiedMapTest, the_last_page_there_can_be_is_kept)
{
	constexpr uint64_t last = UINT64_MAX - page + 1;
	put(last + 16, last + 24);
	EXPECT_TRUE(holds(last + 16, last + 24));
	for (unsigned int bit = CopiedMap::page_shift; bit < 64; bit++)
		EXPECT_FALSE(
			holds((last ^ uint64_t{1} << bit) + 16, (last ^ uint64_t{1} << bit) + 24))
			<< bit;
}

TEST_F(CopiedMapTest, agrees_with_a_set_of_regions)
{
	for_seeds(40, [&](uint64_t seed) {
		CopiedMap map;
		ASSERT_TRUE(map.allocate());
		user::Random random(seed);
		std::set<uint64_t> known;
		/* Around the border of two pages, and of words. */
		const uint64_t base = page - 300 * 8;
		for (int n = 0; n < 300; n++) {
			uint64_t begin = base + random.below(600 * 8);
			uint64_t end = begin + 1 + random.below(random.one_in(2) ? 40 : 2000);
			if (random.one_in(3)) {
				map.put(begin, end, map.generation());
				for (uint64_t region = (begin + 7) / 8; region < end / 8; region++)
					known.insert(region);
			} else {
				bool all = begin / page == (end - 1) / page;
				for (uint64_t region = begin / 8; region <= (end - 1) / 8; region++)
					all = all && known.contains(region);
				ASSERT_EQ(map.holds(begin, end, map.generation()), all);
			}
			if (random.one_in(100)) {
				map.forget();
				known.clear();
			}
		}
	});
}

TEST_F(CopiedMapTest, without_memory_nothing_is_kept_and_nothing_breaks)
{
	user::Memory::instance().fail_nowait_from(0);
	put(0, 4096);
	EXPECT_FALSE(holds(0, 8));
	user::Memory::instance().fail_nothing();
	put(0, 4096);
	EXPECT_TRUE(holds(0, 8));
}

TEST_F(CopiedMapTest, its_pages_are_freed_with_the_last_snapshot)
{
	put(0, 8);
	put(page, page + 8);
	EXPECT_EQ(map_.pages(), 2u);
	map_.clear();
	EXPECT_EQ(map_.pages(), 0u);
	EXPECT_FALSE(holds(0, 8));
	put(8, 16);
	EXPECT_FALSE(holds(0, 8));
	EXPECT_TRUE(holds(8, 16));
}

/* One thread keeps giving a page to another number; readers must not take old bits for new. */
TEST(CopiedMapThreads, a_page_that_changes_is_not_believed)
{
	user::World world;
	CopiedMap map;
	ASSERT_TRUE(map.allocate());
	constexpr uint64_t stride = CopiedMap::places * page;
	std::atomic<bool> stop = false;
	std::atomic<int> mistakes = 0;
	std::atomic<uint64_t> found = 0;
	auto read = [&] {
		while (!stop) {
			uint64_t generation = map.generation();
			/* Even generations set bit 0 of page 0, odd ones bit 1 of the other. */
			found += map.holds(0, 8, generation) ||
				 map.holds(stride + 8, stride + 16, generation);
			mistakes += map.holds(8, 16, generation) ||
				    map.holds(stride, stride + 8, generation);
		}
	};
	std::thread first(read);
	std::thread second(read);
	/* Longer if the readers did not get a processor. */
	for (int n = 0; n < 20'000 || (found == 0 && n < 20'000'000); n++) {
		uint64_t generation = map.generation();
		if (generation % 2)
			map.put(stride + 8, stride + 16, generation);
		else
			map.put(0, 8, generation);
		map.forget();
	}
	stop = true;
	first.join();
	second.join();
	EXPECT_EQ(mistakes, 0);
	EXPECT_GT(found, 0u);
}

TEST_F(CopiedMapTest, another_generation_believes_nothing_of_the_last_ones)
{
	uint64_t old = map_.generation();
	put(0, 8);
	/* More generations than there are numbers. */
	for (uint64_t i = 0; i < 70'000; i++) {
		map_.forget();
		ASSERT_FALSE(holds(0, 8)) << i;
	}
	put(0, 8);
	EXPECT_TRUE(holds(0, 8));
	/* A result from the old generation does not enter the new one. */
	map_.put(8, 16, old + 1);
	EXPECT_FALSE(holds(8, 16));
	EXPECT_TRUE(holds(0, 8));
}

/* A handover calls forget() under the origin's lock. */
TEST_F(CopiedMapTest, forgetting_never_sleeps)
{
	SpinLock lock{DMSNAP_LOCK_ORIGIN};
	SpinGuard guard(lock);
	for (uint64_t i = 0; i < 70'000; i++)
		map_.forget();
}

TEST(CopiedMap, its_memory_goes_with_the_last_snapshot)
{
	SnapshotFixture fixture;
	auto pages = [](SnapshotFixture::Snap &snap) {
		std::string stats;
		EXPECT_EQ(snap.mapped.message({"stats"}, &stats), 0);
		size_t at = stats.find("origin_map_pages ");
		EXPECT_NE(at, std::string::npos);
		return stats.substr(at, stats.find('\n', at) - at);
	};
	/* There is no snapshot to ask, so nothing is remembered. */
	ASSERT_EQ(fixture.write(0, 64), 0);
	auto &first = fixture.add("P 8");
	EXPECT_EQ(pages(first), "origin_map_pages 0");
	auto &second = fixture.add("P 8");
	ASSERT_EQ(fixture.write(0, 64), 0);
	ASSERT_EQ(fixture.write(0, 64), 0);
	first.mapped.remove();
	EXPECT_EQ(pages(second), "origin_map_pages 1");
	second.mapped.remove();
	auto &third = fixture.add("P 8");
	EXPECT_EQ(pages(third), "origin_map_pages 0");
}

TEST(CopiedMap, a_snapshot_that_came_later_is_asked)
{
	SnapshotFixture fixture;
	auto &first = fixture.add("P 8");
	for (unsigned int i = 0; i < 3; i++)
		ASSERT_EQ(fixture.write(16, 8), 0);
	auto &second = fixture.add("P 16");
	for (unsigned int i = 0; i < 3; i++)
		ASSERT_EQ(fixture.write(16, 8), 0);
	EXPECT_EQ(first.mapped.status(), "24/16384 16");
	EXPECT_EQ(second.mapped.status(), "48/16384 32");
	EXPECT_TRUE(fixture.right(first));
	EXPECT_TRUE(fixture.right(second));
}

} // namespace
} // namespace dmsnap::test
