// SPDX-License-Identifier: GPL-2.0-only
/* The driver's answer to "stats", parsed into numbers. */
#include <gtest/gtest.h>

#include "live/snapshot_stats.hpp"

namespace dmsnap::test {
namespace {

using namespace tool;

TEST(SnapshotStatsTest, reads_counters_and_histograms)
{
	auto stats = parse_stats("stats 1\nstalled 1\ncopies 12\ncopy_us 0:1 64:2 128:1\n"
				 "write_us\ninvalid_reason no free chunk\ninvalid_seconds 5\n");
	ASSERT_TRUE(stats);
	EXPECT_EQ(stats->counters["stalled"], 1u);
	EXPECT_EQ(stats->counters["copies"], 12u);
	EXPECT_EQ(stats->counters.count("stats"), 0u);
	EXPECT_EQ(stats->invalid_reason, "no free chunk");
	const Histogram &copies = stats->histograms["copy_us"];
	EXPECT_EQ(copies.count(), 4u);
	EXPECT_EQ(copies.below(0.25), 1u);
	EXPECT_EQ(copies.below(0.5), 128u);
	EXPECT_EQ(copies.below(0.75), 128u);
	EXPECT_EQ(copies.below(1), 256u);
	EXPECT_EQ(stats->histograms["write_us"].count(), 0u);
	EXPECT_EQ(stats->histograms["write_us"].below(0.5), 0u);
}

TEST(SnapshotStatsTest, takes_no_other_list)
{
	EXPECT_FALSE(parse_stats(""));
	EXPECT_FALSE(parse_stats("stats 2\ncopies 1\n"));
	EXPECT_FALSE(parse_stats("copies 1\n"));
}

TEST(SnapshotStatsTest, passes_over_what_it_does_not_know)
{
	auto stats = parse_stats("stats 1\nx -1\ny 1:2 3\nz 1:-2\ncopies 99999999999999999999\n");
	ASSERT_TRUE(stats);
	EXPECT_TRUE(stats->counters.empty());
	EXPECT_TRUE(stats->histograms.empty());
}

} // namespace
} // namespace dmsnap::test
