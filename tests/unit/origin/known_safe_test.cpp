// SPDX-License-Identifier: GPL-2.0-only
/*
 * KnownSafe: believes what was put in this generation, and nothing else; and an
 * origin asks a snapshot that came later.
 */
#include "origin/known_safe.hpp"

#include <gtest/gtest.h>

#include "base/guard.hpp"
#include "unit/snapshot/bench.hpp"

namespace dmsnap::test {
namespace {

class KnownSafeTest : public testing::Test {
protected:
	void SetUp() override { ASSERT_TRUE(known_.allocate()); }
	void put(uint64_t sector, uint64_t end) { known_.put(sector, end, known_.generation()); }
	bool holds(uint64_t sector, uint64_t end) const
	{
		return known_.holds(sector, end, known_.generation());
	}

	KnownSafe known_;
};

TEST_F(KnownSafeTest, a_new_one_knows_nothing)
{
	for (uint64_t sector : {uint64_t{0}, uint64_t{8}, uint64_t{1} << 40})
		EXPECT_FALSE(holds(sector, sector + 8)) << sector;
}

TEST_F(KnownSafeTest, a_whole_region_is_kept_and_serves_for_its_parts)
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

TEST_F(KnownSafeTest, part_of_a_region_is_not_kept)
{
	put(16, 23);
	put(17, 24);
	put(17, 25);
	put(15, 23);
	EXPECT_FALSE(holds(16, 17));
	EXPECT_FALSE(holds(18, 20));
	EXPECT_FALSE(holds(8, 9));
}

TEST_F(KnownSafeTest, of_a_long_stretch_the_whole_regions_are_kept)
{
	put(12, 45);
	EXPECT_FALSE(holds(12, 16));
	for (uint64_t sector = 16; sector < 40; sector += 8)
		EXPECT_TRUE(holds(sector, sector + 8)) << sector;
	EXPECT_FALSE(holds(40, 45));
	put(800, 1'000'000);
	EXPECT_TRUE(holds(800, 808));
	EXPECT_FALSE(holds(999'992, 1'000'000));
	EXPECT_TRUE(holds(16, 24)) << "taken by the long one";
}

TEST_F(KnownSafeTest, regions_of_one_place_are_not_mistaken_for_each_other)
{
	constexpr uint64_t stride = KnownSafe::places * KnownSafe::region_sectors;
	put(16, 24);
	EXPECT_FALSE(holds(16 + stride, 24 + stride));
	put(16 + stride, 24 + stride);
	EXPECT_TRUE(holds(16 + stride, 24 + stride));
	EXPECT_FALSE(holds(16, 24));
	/* Beyond what an entry has bits for. */
	constexpr uint64_t far = uint64_t{1} << (48 + KnownSafe::region_shift);
	put(far + 16, far + 24);
	EXPECT_FALSE(holds(far + 16, far + 24));
	EXPECT_FALSE(holds(16, 24));
}

TEST_F(KnownSafeTest, a_region_too_far_for_an_entry_is_not_mistaken_for_a_near_one)
{
	constexpr uint64_t far = uint64_t{1} << (48 + KnownSafe::region_shift);
	for (unsigned int generation = 0; generation < 4; generation++) {
		put(16, 24);
		EXPECT_TRUE(holds(16, 24)) << generation;
		for (uint64_t times : {uint64_t{1}, uint64_t{2}, uint64_t{3}, uint64_t{8191}})
			EXPECT_FALSE(holds(times * far + 16, times * far + 24)) << generation;
		known_.forget();
	}
}

TEST_F(KnownSafeTest, another_generation_believes_nothing_of_the_last_ones)
{
	uint64_t old = known_.generation();
	put(0, 8);
	/* More than there are numbers for. */
	for (uint64_t i = 0; i < 70'000; i++) {
		known_.forget();
		ASSERT_FALSE(holds(0, 8)) << i;
	}
	put(0, 8);
	EXPECT_TRUE(holds(0, 8));
	/* Who asked before it does not say it of the new one. */
	known_.put(8, 16, old + 1);
	EXPECT_FALSE(holds(8, 16));
}

/* A handover calls it under the origin's lock. */
TEST_F(KnownSafeTest, forgetting_never_sleeps)
{
	SpinLock lock{DMSNAP_LOCK_ORIGIN};
	SpinGuard guard(lock);
	for (uint64_t i = 0; i < 70'000; i++)
		known_.forget();
}

TEST(KnownSafe, a_snapshot_that_came_later_is_asked)
{
	Bench bench;
	auto &first = bench.add("P 8");
	for (unsigned int i = 0; i < 3; i++)
		ASSERT_EQ(bench.write(16, 8), 0);
	auto &second = bench.add("P 16");
	for (unsigned int i = 0; i < 3; i++)
		ASSERT_EQ(bench.write(16, 8), 0);
	EXPECT_EQ(first.mapped.status(), "24/16384 16");
	EXPECT_EQ(second.mapped.status(), "48/16384 32");
	EXPECT_TRUE(bench.right(first));
	EXPECT_TRUE(bench.right(second));
}

} // namespace
} // namespace dmsnap::test
