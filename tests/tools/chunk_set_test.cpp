// SPDX-License-Identifier: GPL-2.0-only
/* ChunkSet: compared with std::set, and its use of memory. */
#include <set>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>

#include "store/chunk_set.hpp"
#include "user/random.hpp"

namespace dmsnap::test {
namespace {

using tool::ChunkBudget;
using tool::ChunkSet;
using Ranges = std::vector<std::pair<uint64_t, uint64_t>>;

constexpr size_t mib = 1 << 20;

Ranges ranges_of(const ChunkSet &set)
{
	Ranges ranges;
	set.for_each_range(
		[&](uint64_t begin, uint64_t count) { ranges.emplace_back(begin, count); });
	return ranges;
}

TEST(ChunkSet, holds_what_was_put_in_and_lists_ranges_in_order)
{
	ChunkBudget budget(mib);
	ChunkSet set(budget);
	for (uint64_t chunk : {70ull, 5ull, 4096ull, 4095ull, 6ull, 1ull << 60, 71ull})
		EXPECT_TRUE(set.insert(chunk));
	EXPECT_TRUE(set.insert(5));
	EXPECT_EQ(set.size(), 7u);
	EXPECT_TRUE(set.contains(4095));
	EXPECT_FALSE(set.contains(4094));
	EXPECT_FALSE(set.contains(1ull << 61));
	EXPECT_EQ(ranges_of(set), (Ranges{{5, 2}, {70, 2}, {4095, 2}, {1ull << 60, 1}}));
}

TEST(ChunkSet, holds_ranges_also_over_a_limit_of_32_bits)
{
	ChunkBudget budget(mib);
	ChunkSet set(budget);
	constexpr uint64_t limit = uint64_t{1} << 32;
	EXPECT_TRUE(set.insert(limit - 2, 4));
	EXPECT_TRUE(set.insert(3 * limit, uint64_t{1} << 31));
	EXPECT_TRUE(set.insert(limit, 1));
	EXPECT_TRUE(set.insert(UINT64_MAX, 1));
	EXPECT_FALSE(set.contains(limit - 3));
	EXPECT_TRUE(set.contains(limit + 1));
	EXPECT_FALSE(set.contains(limit + 2));
	EXPECT_EQ(set.size(), 5 + (uint64_t{1} << 31));
}

TEST(ChunkSet, is_the_set_that_it_is_told_to_be)
{
	user::Random random(1);
	ChunkBudget budget(64 * mib);
	ChunkSet set(budget);
	std::set<uint64_t> model;
	for (int step = 0; step < 20000; step++) {
		uint64_t first = random.below(1 << 20) << (random.below(4) * 12);
		uint64_t count = 1 + random.below(8);
		ASSERT_TRUE(count == 1 ? set.insert(first) : set.insert(first, count));
		for (uint64_t chunk = first; chunk < first + count; chunk++)
			model.insert(chunk);
	}
	EXPECT_EQ(set.size(), model.size());
	auto at = model.begin();
	for (auto [begin, count] : ranges_of(set)) {
		for (uint64_t chunk = begin; chunk < begin + count; chunk++, ++at)
			ASSERT_EQ(chunk, *at);
	}
	EXPECT_EQ(at, model.end());
}

/* The worst case is one chunk in each bitmap. */
TEST(ChunkSet, refuses_what_has_no_room)
{
	ChunkBudget budget(8 * mib);
	ChunkSet set(budget), other(budget);
	size_t before = mallinfo2().uordblks;
	uint64_t held = 0;
	while (held < 10 * mib && set.insert(held << 32))
		held++;
	EXPECT_GT(held, 8 * mib / 1024);
	EXPECT_LT(mallinfo2().uordblks - before, 20 * mib);
	EXPECT_FALSE(set.insert(1));
	EXPECT_TRUE(set.contains(uint64_t{1} << 32));
}

/* As dense as 10 million chunks over 16 TiB, which take 64 MiB. */
TEST(ChunkSet, has_room_for_a_million_that_are_far_between)
{
	user::Random random(1);
	ChunkBudget budget(7 * mib);
	ChunkSet set(budget);
	size_t before = mallinfo2().uordblks;
	for (int step = 0; step < 1'000'000; step++)
		ASSERT_TRUE(set.insert(random.below((uint64_t{1} << 32) / 10))) << step;
	EXPECT_LT(mallinfo2().uordblks - before, 7 * mib);
	EXPECT_GT(set.size(), 990'000u);
}

} // namespace
} // namespace dmsnap::test
