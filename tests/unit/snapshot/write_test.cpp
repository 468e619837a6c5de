// SPDX-License-Identifier: GPL-2.0-only
/* Reads and writes of a snapshot: what they cost, and how they fail. */
#include <gtest/gtest.h>

#include "unit/snapshot/snapshot_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Op;

TEST(SnapshotWrite, whole_chunks_go_straight_to_the_cow_device)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 64, 64), 0);
	EXPECT_EQ(fixture.disk.log().size(), 0u);
	ASSERT_EQ(snap.cow.log().size(), 1u);
	EXPECT_EQ(snap.cow.log()[0].sectors, 64u);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotWrite, a_part_of_a_chunk_is_completed_with_what_it_does_not_cover)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 19, 2), 0);
	EXPECT_EQ(fixture.disk.counters().read_sectors, 6u);
	EXPECT_EQ(snap.cow.counters().written_sectors, 8u);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotWrite, one_over_several_chunks_reads_for_the_first_and_the_last)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 5, 30), 0);
	EXPECT_EQ(fixture.disk.counters().read_sectors, 5u + 5u);
	EXPECT_EQ(snap.cow.counters().written_sectors, 40u);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotWrite, the_chunk_at_the_end_of_the_origin_is_read_as_far_as_it_goes)
{
	SnapshotFixture fixture(1001);
	auto &snap = fixture.add("P 16");
	ASSERT_EQ(fixture.write(snap, 995, 2), 0);
	EXPECT_EQ(fixture.disk.counters().read_sectors, 7u);
	ASSERT_EQ(fixture.write(snap, 992, 9), 0);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotWrite, a_whole_write_of_a_short_last_chunk_leaves_the_copy_limit)
{
	SnapshotFixture fixture(1001);
	auto &snap = fixture.add("P 16");
	/* Allow one copy at a time. */
	fixture.world.cow_threshold = 0;
	ASSERT_EQ(fixture.write(snap, 992, 9), 0);
	ASSERT_EQ(fixture.write(snap, 19, 2), 0);
	ASSERT_EQ(fixture.write(snap, 67, 2), 0);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotWrite, what_it_has_is_written_without_metadata)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 0, 64), 0);
	ASSERT_EQ(snap.mapped.flush(), 0);
	snap.cow.reset_log();
	ASSERT_EQ(fixture.write(snap, 3, 50), 0);
	ASSERT_EQ(snap.cow.log().size(), 1u);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotWrite, one_to_a_chunk_in_flight_waits_for_it)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	auto first = fixture.fresh(0, 3);
	auto second = fixture.fresh(5, 3);
	auto a = snap.mapped.start_write(0, first);
	auto b = snap.mapped.start_write(5, second);
	EXPECT_EQ(snap.mapped.wait(a), 0);
	EXPECT_EQ(snap.mapped.wait(b), 0);
	snap.frozen.write(0, first);
	snap.frozen.write(5, second);
	EXPECT_EQ(snap.cow.counters().written_sectors, 8u + 3u);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotWrite, waiters_for_a_write_of_whole_chunks_wait_only_for_its_io)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	auto first = fixture.fresh(0, 8);
	auto second = fixture.fresh(2, 3);
	uint64_t begun = fixture.world.now_ns();
	auto a = snap.mapped.start_write(0, first);
	auto b = snap.mapped.start_write(2, second);
	auto below = fixture.start_write(0, 8);
	EXPECT_EQ(snap.mapped.wait(a), 0);
	EXPECT_EQ(snap.mapped.wait(b), 0);
	EXPECT_EQ(fixture.origin.wait(below), 0);
	/* Long before the lazy commit. */
	EXPECT_LT(fixture.world.now_ns() - begun, 100'000'000u);
	snap.frozen.write(0, first);
	snap.frozen.write(2, second);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotWrite, of_whole_chunks_fails_when_the_snapshot_has_failed_meanwhile)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	snap.cow.hold(Op::write);
	auto write = snap.mapped.start_write(0, fixture.fresh(0, 8));
	fixture.disk.fail_nth(Op::read, 1);
	auto below = fixture.start_write(800, 8);
	fixture.world.settle();
	snap.cow.release();
	EXPECT_EQ(snap.mapped.wait(write), -5);
	EXPECT_EQ(fixture.origin.wait(below), 0);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
}

TEST(SnapshotWrite, one_to_a_chunk_being_copied_out_waits_for_it)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	auto data = fixture.fresh(1, 2);
	auto below = fixture.start_write(0, 8);
	auto write = snap.mapped.start_write(1, data);
	EXPECT_EQ(snap.mapped.wait(write), 0);
	EXPECT_EQ(fixture.origin.wait(below), 0);
	snap.frozen.write(1, data);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotWrite, fails_with_the_cow_device_and_the_snapshot_is_invalid)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	snap.cow.fail_nth(Op::write, 1);
	EXPECT_EQ(fixture.write(snap, 0, 8), -5);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
	std::vector<uint8_t> data(4096);
	EXPECT_EQ(snap.mapped.read(0, data), -5);
}

TEST(SnapshotWrite, fails_with_what_it_does_not_cover)
{
	/* The bio's part, and the parts before and after it, in any order. */
	for (uint64_t part : {1, 2, 3}) {
		SnapshotFixture fixture;
		auto &snap = fixture.add("P 8");
		snap.cow.fail_nth(Op::write, part);
		EXPECT_NE(fixture.write(snap, 19, 2), 0) << part;
		EXPECT_EQ(snap.mapped.status(), "Invalid") << part;
		snap.cow.clear_faults();
		EXPECT_EQ(fixture.write(0, 64), 0);
	}
}

TEST(SnapshotWrite, to_a_chunk_it_has_fails_alone)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	ASSERT_EQ(snap.mapped.flush(), 0);
	snap.cow.fail_nth(Op::write, 1);
	EXPECT_EQ(fixture.write(snap, 0, 8), -5);
	EXPECT_NE(snap.mapped.status(), "Invalid");
}

TEST(SnapshotRead, of_the_origin_is_one_io)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	snap.mapped.read(5, 2048);
	EXPECT_EQ(fixture.disk.log().size(), 1u);
	EXPECT_EQ(snap.cow.log().size(), 0u);
}

TEST(SnapshotRead, of_a_run_is_one_io)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 0, 1024), 0);
	snap.cow.reset_log();
	EXPECT_TRUE(snap.frozen.matches(3, snap.mapped.read(3, 1000)));
	EXPECT_EQ(snap.cow.log().size(), 1u);
	EXPECT_EQ(fixture.disk.log().size(), 0u);
}

TEST(SnapshotRead, of_a_megabyte_over_copied_chunks_is_one_io)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(0, 2048), 0);
	snap.cow.reset_log();
	EXPECT_TRUE(snap.frozen.matches(0, snap.mapped.read(0, 2048)));
	EXPECT_EQ(snap.cow.log().size(), 1u);
}

} // namespace
} // namespace dmsnap::test
