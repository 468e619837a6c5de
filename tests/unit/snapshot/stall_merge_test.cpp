// SPDX-License-Identifier: GPL-2.0-only
/* Merges beside snapshots whose writes wait for a larger COW device. */
#include <gtest/gtest.h>

#include "unit/snapshot/stall_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Mapped;
using user::TargetType;

/* The store counts merged chunks as free, but does not hand them out again. */
TEST_F(StallTest, ends_after_a_time_in_what_was_a_merge)
{
	auto &snap = add("P 8");
	ASSERT_EQ(fixture_.write(snap, 0, (room + reserve) * 8), 0);
	ASSERT_EQ(snap.mapped.flush(), 0);
	snap.mapped.remove();
	ASSERT_EQ(fixture_.origin.load(TargetType::merge, fixture_.sectors, snap.words), 0);
	ASSERT_EQ(fixture_.origin.resume(), 0);
	fixture_.world.run_until_idle();
	ASSERT_EQ(fixture_.origin.status(), "16/512 16");

	ASSERT_EQ(snap.mapped.load(TargetType::snapshot, fixture_.sectors,
				   snap.words + " 1 stall_on_full"),
		  0);
	ASSERT_EQ(fixture_.origin.load(TargetType::origin, fixture_.sectors, "disk"), 0);
	fixture_.origin.suspend();
	ASSERT_EQ(snap.mapped.resume(), 0);
	ASSERT_EQ(fixture_.origin.resume(), 0);
	Mapped::Handle write = one_more();
	EXPECT_FALSE(done_in(write, 59 * seconds));
	EXPECT_TRUE(done_in(write, 2 * seconds));
	EXPECT_EQ(write->error, 0);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
}

TEST_F(StallTest, a_merge_into_the_origin_waits_for_it_too)
{
	auto &full = add();
	auto &merged = fixture_.add("P 8", 4 * cow_sectors);
	fill();
	/* A chunk that the full snapshot lacks. */
	ASSERT_EQ(fixture_.write(merged, 2000, 8), 0);
	ASSERT_EQ(merged.mapped.flush(), 0);
	merged.mapped.remove();
	fixture_.origin.remove();
	Mapped merging("merging");
	ASSERT_EQ(merging.create(TargetType::merge, fixture_.sectors, merged.words), 0);
	fixture_.world.run_for(10 * seconds);
	EXPECT_EQ(merging.events(), 0u);
	EXPECT_EQ(full.mapped.events(), 1u);
	/* The merge can still be suspended. */
	uint64_t begun = fixture_.world.now_ns();
	merging.suspend();
	EXPECT_LT(fixture_.world.now_ns() - begun, seconds);
	full.cow.resize(2 * cow_sectors);
	ASSERT_EQ(merging.resume(), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging.status(), "16/2048 16");
	EXPECT_TRUE(fixture_.right(full));
	merging.remove();
}

/*
 * A merge of scattered chunks has filled the COW device of another snapshot, and its claims
 * stall on it.  As LVM2 does, all devices are suspended and the COW device is extended.
 */
struct Extended {
	const char *name;
	uint64_t exceptions;
	uint64_t cow_sectors;
	bool snapshot_first;
};

class StallOfMerge : public testing::TestWithParam<Extended> {};

TEST_P(StallOfMerge, ends_when_all_are_suspended_and_harms_no_snapshot)
{
	const Extended &extended = GetParam();
	constexpr uint64_t chunk = 128;
	SnapshotFixture fixture((extended.exceptions + 8) * chunk);
	auto &merged = fixture.add("P 8", (extended.exceptions + 1000) * 8);
	for (uint64_t n = 0; n < extended.exceptions; n++)
		ASSERT_EQ(fixture.write(merged, n * chunk + n % 16 * 8, 8), 0);
	ASSERT_EQ(merged.mapped.flush(), 0);
	merged.mapped.remove();
	auto &full = fixture.add("P 128 1 stall_on_full", extended.cow_sectors);
	fixture.origin.remove();
	Mapped merging("merging");
	ASSERT_EQ(merging.create(TargetType::merge, fixture.sectors, merged.words), 0);
	fixture.world.run_for(10 * seconds);
	std::string fill = full.mapped.status();
	ASSERT_EQ(full.mapped.events(), 1u) << fill;
	uint64_t last = extended.exceptions * chunk;
	std::vector<uint8_t> data = fixture.fresh(last, 8);
	Mapped::Handle write = merging.start_write(last, data);
	merged.frozen.write(last, data);
	ASSERT_FALSE((fixture.world.run_for(seconds), write->done));

	uint64_t begun = fixture.world.now_ns();
	if (extended.snapshot_first)
		full.mapped.suspend();
	merging.suspend();
	if (!extended.snapshot_first)
		full.mapped.suspend();
	EXPECT_LT(fixture.world.now_ns() - begun, seconds);
	EXPECT_TRUE(write->done);
	EXPECT_EQ(write->error, 0);
	ASSERT_NE(full.mapped.status(), "Invalid");
	/* A chunk for the write and little more, so the reserve is still there next time. */
	EXPECT_LE(std::stoull(full.mapped.status()), std::stoull(fill) + 8 * chunk);

	full.cow.resize(2 * (extended.exceptions + 8) * chunk);
	ASSERT_EQ(full.mapped.resume(), 0);
	ASSERT_EQ(merging.resume(), 0);
	fixture.world.run_until_idle();
	EXPECT_EQ(merging.status(), "16/" + std::to_string(merged.cow.sectors()) + " 16");
	EXPECT_TRUE(fixture.right(full));
	EXPECT_TRUE(merged.frozen.matches_all(
		[&](uint64_t sector, uint64_t count) { return fixture.disk.peek(sector, count); }));
	merging.remove();
}

INSTANTIATE_TEST_SUITE_P(All, StallOfMerge,
			 testing::Values(Extended{"small", 600, 24576, false},
					 Extended{"small_snapshot_first", 600, 24576, true},
					 Extended{"of_128_MiB", 3000, 262144, false}),
			 [](const auto &extended) { return std::string(extended.param.name); });

} // namespace
} // namespace dmsnap::test
