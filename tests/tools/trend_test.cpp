// SPDX-License-Identifier: GPL-2.0-only
/* Trends: rates and estimated ends from simulated samples. */
#include <gtest/gtest.h>

#include "live/trend.hpp"

namespace dmsnap::test {
namespace {

using namespace tool;

LiveSnapshot snapshot_of(uint64_t used, uint32_t minor = 1)
{
	LiveSnapshot snapshot;
	snapshot.device = {253, minor};
	snapshot.cow = {253, minor + 100};
	snapshot.usage = {used, 10000, 16};
	snapshot.state = SnapshotState::active;
	return snapshot;
}

LiveSnapshot merge_of(uint64_t used)
{
	LiveSnapshot snapshot = snapshot_of(used);
	snapshot.is_merge = true;
	return snapshot;
}

Trend one(Trends &trends, double seconds, const LiveSnapshot &snapshot)
{
	return trends.add(seconds, {&snapshot, 1}).front().trend;
}

TEST(TrendTest, needs_two_looks)
{
	Trends trends;
	Trend trend = one(trends, 100, snapshot_of(1000));
	EXPECT_FALSE(trend.sectors_per_second);
	EXPECT_FALSE(trend.seconds_left);
	trend = one(trends, 102, snapshot_of(1200));
	EXPECT_DOUBLE_EQ(trend.sectors_per_second.value(), 100);
	EXPECT_DOUBLE_EQ(trend.seconds_left.value(), 88);
	EXPECT_FALSE(trend.merged);
}

TEST(TrendTest, what_does_not_move_has_no_end)
{
	Trends trends;
	one(trends, 0, snapshot_of(1000));
	Trend trend = one(trends, 5, snapshot_of(1000));
	EXPECT_DOUBLE_EQ(trend.sectors_per_second.value(), 0);
	EXPECT_FALSE(trend.seconds_left);
}

TEST(TrendTest, forgets_what_was_long_ago)
{
	Trends trends;
	one(trends, 0, snapshot_of(1000));
	for (int i = 1; i < 10; i++)
		one(trends, i, snapshot_of(2000));
	EXPECT_DOUBLE_EQ(one(trends, 10, snapshot_of(2000)).sectors_per_second.value(), 0);
}

TEST(TrendTest, a_merge_goes_to_nothing)
{
	Trends trends;
	EXPECT_DOUBLE_EQ(one(trends, 0, merge_of(1016)).merged.value(), 0);
	Trend trend = one(trends, 4, merge_of(816));
	EXPECT_DOUBLE_EQ(trend.sectors_per_second.value(), 50);
	EXPECT_DOUBLE_EQ(trend.seconds_left.value(), 16);
	EXPECT_DOUBLE_EQ(trend.merged.value(), 0.2);
	EXPECT_DOUBLE_EQ(one(trends, 8, merge_of(16)).merged.value(), 1);
}

TEST(TrendTest, nothing_to_merge_is_merged)
{
	Trends trends;
	EXPECT_DOUBLE_EQ(one(trends, 0, merge_of(16)).merged.value(), 1);
}

TEST(TrendTest, starts_again_where_it_turns)
{
	Trends trends;
	one(trends, 0, snapshot_of(5000));
	EXPECT_FALSE(one(trends, 1, snapshot_of(16)).sectors_per_second);
	EXPECT_FALSE(one(trends, 2, merge_of(16)).sectors_per_second);
	EXPECT_FALSE(one(trends, 3, merge_of(3000)).sectors_per_second);
	LiveSnapshot other = merge_of(2000);
	other.cow = {253, 7};
	EXPECT_FALSE(one(trends, 4, other).sectors_per_second);
}

TEST(TrendTest, one_without_numbers_has_none)
{
	Trends trends;
	one(trends, 0, snapshot_of(1000));
	LiveSnapshot invalid = snapshot_of(0);
	invalid.usage.reset();
	EXPECT_FALSE(one(trends, 1, invalid).sectors_per_second);
	EXPECT_FALSE(one(trends, 2, snapshot_of(2000)).sectors_per_second);
}

TEST(TrendTest, tells_snapshots_apart_and_forgets_those_that_are_gone)
{
	Trends trends;
	LiveSnapshot two[] = {snapshot_of(1000, 1), snapshot_of(2000, 2)};
	trends.add(0, two);
	two[1].usage->used = 3000;
	std::vector<TrendRow> rows = trends.add(1, two);
	EXPECT_DOUBLE_EQ(rows[0].trend.sectors_per_second.value(), 0);
	EXPECT_DOUBLE_EQ(rows[1].trend.sectors_per_second.value(), 1000);
	trends.add(2, {two, 1});
	EXPECT_FALSE(trends.add(3, two)[1].trend.sectors_per_second);
}

} // namespace
} // namespace dmsnap::test
