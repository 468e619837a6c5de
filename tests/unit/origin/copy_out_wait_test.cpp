// SPDX-License-Identifier: GPL-2.0-only
/* What an origin write waits for, and what it does not wait for. */
#include <gtest/gtest.h>

#include "unit/snapshot/snapshot_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Mapped;
using user::Op;

TEST(CopyOut, a_slow_snapshot_does_not_hold_back_the_commit_of_another)
{
	SnapshotFixture fixture;
	auto &fast = fixture.add("P 8");
	auto &slow = fixture.add("P 8");
	slow.cow.hold_all();
	auto write = fixture.start_write(0, 8);
	fixture.world.settle();
	EXPECT_EQ(fast.cow.counters().fua_writes, 1u);
	EXPECT_EQ(fixture.disk.counters().writes, 0u);
	EXPECT_FALSE(write->done);
	slow.cow.release();
	EXPECT_EQ(fixture.origin.wait(write), 0);
	EXPECT_TRUE(fixture.right(fast));
	EXPECT_TRUE(fixture.right(slow));
}

TEST(CopyOut, a_write_waits_for_reads_of_the_snapshot_that_see_the_origin)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	fixture.disk.hold(Op::read);
	auto read = snap.mapped.start_read(0, 8);
	fixture.world.settle();
	ASSERT_EQ(fixture.disk.held(), 1u);
	/* The snapshot gets the chunk without reading the origin. */
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	auto write = fixture.start_write(0, 8);
	fixture.world.run_for(5'000'000'000);
	EXPECT_FALSE(write->done);
	EXPECT_EQ(fixture.disk.counters().writes, 0u);
	fixture.disk.release();
	EXPECT_EQ(fixture.origin.wait(write), 0);
	EXPECT_TRUE(read->done);
	EXPECT_TRUE((Pattern{1, 1}.matches(0, read->data)));
}

TEST(CopyOut, a_write_does_not_wait_for_reads_of_other_chunks)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	fixture.disk.hold(Op::read);
	auto read = snap.mapped.start_read(2048, 1024);
	fixture.world.settle();
	ASSERT_EQ(fixture.disk.held(), 1u);
	/* The snapshot gets the chunk without reading the origin. */
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	auto write = fixture.start_write(0, 8);
	fixture.world.settle();
	EXPECT_TRUE(write->done);
	EXPECT_FALSE(read->done);
	fixture.disk.release();
	EXPECT_EQ(snap.mapped.wait(read), 0);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(CopyOut, later_reads_of_the_snapshot_do_not_hold_back_a_write)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	fixture.disk.hold(Op::read);
	auto read = snap.mapped.start_read(8, 8);
	ASSERT_EQ(snap.mapped.flush(), 0);
	fixture.disk.release();
	EXPECT_EQ(fixture.write(0, 8), 0);
	EXPECT_EQ(snap.mapped.wait(read), 0);
}

TEST(CopyOut, a_lost_entry_holds_back_the_write_until_the_mark_is_durable)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	snap.cow.fail_nth(Op::write, 1);
	uint64_t before = snap.cow.counters().writes;
	auto flush = snap.mapped.start_flush();
	fixture.world.run_until([&] { return snap.cow.counters().writes > before; });
	snap.cow.hold(Op::write);
	fixture.world.settle();
	ASSERT_EQ(snap.cow.held(), 1u);
	EXPECT_TRUE(flush->done);
	EXPECT_NE(flush->error, 0);
	/* A crash now would leave a valid store that lacks the chunk. */
	auto write = fixture.start_write(0, 8);
	fixture.world.settle();
	EXPECT_FALSE(write->done);
	EXPECT_EQ(fixture.disk.counters().writes, 0u);
	snap.cow.release();
	EXPECT_EQ(fixture.origin.wait(write), 0);
}

/* Both snapshots lack chunk 0; only the second one lacks chunk 1. */
TEST(CopyOut, a_write_that_hangs_delays_none_that_needs_another_snapshot)
{
	SnapshotFixture fixture;
	auto &failing = fixture.add("P 8");
	ASSERT_EQ(fixture.write(8, 8), 0);
	auto &other = fixture.add("P 8");
	failing.cow.reset_log();
	failing.cow.fail_nth(Op::write, 1);
	auto stuck = fixture.start_write(0, 8);
	fixture.world.run_until([&] { return failing.cow.counters().writes == 1; });
	failing.cow.hold_all();
	fixture.world.settle();
	EXPECT_FALSE(stuck->done);

	auto write = fixture.start_write(8, 8);
	fixture.world.settle();
	ASSERT_TRUE(write->done);
	EXPECT_EQ(write->error, 0);
	failing.cow.release();
	EXPECT_EQ(fixture.origin.wait(stuck), 0);
	EXPECT_TRUE(fixture.right(other));
	EXPECT_EQ(failing.mapped.status(), "Invalid");
}

/* Two writes share a copy; only the first one needs the snapshot that hangs. */
TEST(CopyOut, a_write_waits_for_the_runs_that_it_needs_alone)
{
	SnapshotFixture fixture;
	auto &hung = fixture.add("P 8");
	ASSERT_EQ(fixture.write(8, 8), 0);
	auto &other = fixture.add("P 8");
	hung.cow.hold_all();
	auto first = fixture.start_write(0, 8);
	auto second = fixture.start_write(8, 8);
	fixture.world.settle();
	EXPECT_EQ(fixture.disk.counters().reads, 1u) << "they were not copied together";
	EXPECT_FALSE(first->done);
	EXPECT_TRUE(second->done);
	/* The snapshot's own writes and reads proceed too. */
	auto own = other.mapped.start_write(0, fixture.fresh(0, 8));
	fixture.world.settle();
	EXPECT_TRUE(own->done);
	other.frozen.write(0, own->data);
	hung.cow.release();
	EXPECT_EQ(fixture.origin.wait(first), 0);
	EXPECT_TRUE(fixture.right(hung));
	EXPECT_TRUE(fixture.right(other));
}

/* The shared copy cannot read the chunk of the third write, so it reads for each snapshot. */
TEST(CopyOut, a_write_waits_for_the_runs_that_it_needs_alone_after_a_failed_read)
{
	SnapshotFixture fixture;
	auto &hung = fixture.add("P 8");
	ASSERT_EQ(fixture.write(8, 16), 0);
	auto &other = fixture.add("P 8");
	ASSERT_EQ(fixture.write(16, 8), 0);
	auto &failing = fixture.add("P 8");
	fixture.disk.fail_range(Op::read, 20, 1);
	hung.cow.hold_all();
	auto first = fixture.start_write(0, 8);
	auto second = fixture.start_write(8, 8);
	auto third = fixture.start_write(16, 8);
	fixture.world.settle();
	EXPECT_FALSE(first->done);
	EXPECT_TRUE(second->done);
	EXPECT_TRUE(third->done);
	EXPECT_EQ(failing.mapped.status(), "Invalid");
	hung.cow.release();
	EXPECT_EQ(fixture.origin.wait(first), 0);
	EXPECT_TRUE(fixture.right(hung));
	EXPECT_TRUE(fixture.right(other));
}

/* The write waits for a copy that the removal makes unnecessary. */
TEST(CopyOut, a_write_does_not_wait_for_a_snapshot_that_is_being_removed)
{
	SnapshotFixture fixture;
	auto &hung = fixture.add("P 8");
	auto &other = fixture.add("P 8");
	hung.cow.hold_all();
	auto write = fixture.start_write(0, 8);
	fixture.world.settle();
	EXPECT_FALSE(write->done);
	bool removed = false;
	fixture.world.spawn("removal", [&] {
		hung.mapped.remove();
		removed = true;
	});
	fixture.world.settle();
	EXPECT_TRUE(write->done);
	EXPECT_FALSE(removed);
	hung.cow.release();
	fixture.world.settle();
	EXPECT_TRUE(removed);
	EXPECT_TRUE(fixture.right(other));
}

TEST(CopyOut, a_low_threshold_lets_all_writes_end)
{
	SnapshotFixture fixture;
	auto &one = fixture.add("P 8");
	auto &two = fixture.add("N 16");
	fixture.world.cow_threshold = 1;
	std::vector<Mapped::Handle> writes;
	for (uint64_t n = 0; n < 100; n++)
		writes.push_back(fixture.start_write(n * 40 % 4000, 9));
	for (auto &write : writes)
		EXPECT_EQ(fixture.origin.wait(write), 0);
	EXPECT_TRUE(fixture.right(one));
	EXPECT_TRUE(fixture.right(two));
}

TEST(CopyOut, no_more_chunks_than_the_threshold_are_in_flight)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	fixture.world.cow_threshold = 10;
	snap.cow.hold(Op::write);
	std::vector<Mapped::Handle> writes;
	for (uint64_t n = 0; n < 100; n++)
		writes.push_back(fixture.start_write(n * 40, 8));
	fixture.world.settle();
	EXPECT_EQ(fixture.disk.counters().reads, 11u);
	snap.cow.release();
	for (auto &write : writes)
		EXPECT_EQ(fixture.origin.wait(write), 0);
	EXPECT_EQ(fixture.disk.counters().reads, 100u);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(CopyOut, partial_snapshot_writes_over_the_threshold_wait_for_no_timer)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	fixture.world.cow_threshold = 1;
	uint64_t before = fixture.world.now_ns();
	std::vector<Mapped::Handle> writes;
	for (uint64_t n = 0; n < 50; n++)
		writes.push_back(snap.mapped.start_write(n * 8 + 1, fixture.fresh(n * 8 + 1, 2)));
	for (auto &write : writes)
		EXPECT_EQ(snap.mapped.wait(write), 0);
	EXPECT_LT(fixture.world.now_ns() - before, 500'000'000u);
}

TEST(CopyOut, the_throttle_makes_copies_slower)
{
	uint64_t took[2];
	for (unsigned int percent : {100u, 1u}) {
		SnapshotFixture fixture;
		auto &snap = fixture.add("P 8");
		fixture.world.copy_throttle = percent;
		/* The clock of a world does not start at 0. */
		fixture.world.run_for(2'000'000'000);
		uint64_t before = fixture.world.now_ns();
		for (uint64_t n = 0; n < 500; n++)
			EXPECT_EQ(fixture.write(n * 8, 8), 0);
		took[percent == 1] = fixture.world.now_ns() - before;
		EXPECT_TRUE(fixture.right(snap));
	}
	/* Each copy takes 20 us; half a second of idle time is credited. */
	EXPECT_GT(took[1], 500 * 20'000u * 100 - 500'000'000u - took[0]);
}

/* The second write shares the copy of the first one, and alone needs the snapshot that hangs. */
TEST(CopyOut, a_write_waits_for_no_run_that_joins_its_copy_later)
{
	SnapshotFixture fixture;
	auto &hung = fixture.add("P 8");
	ASSERT_EQ(fixture.write(0, 8), 0);
	auto &other = fixture.add("P 8");
	hung.cow.hold_all();
	auto first = fixture.start_write(0, 8);
	auto second = fixture.start_write(8, 8);
	fixture.world.settle();
	EXPECT_EQ(fixture.disk.counters().reads, 1u) << "they were not copied together";
	EXPECT_TRUE(first->done);
	EXPECT_FALSE(second->done);
	hung.cow.release();
	EXPECT_EQ(fixture.origin.wait(second), 0);
	EXPECT_TRUE(fixture.right(hung));
	EXPECT_TRUE(fixture.right(other));
}

/* The second write needs only a snapshot that has no room, so no copy begins for it. */
TEST(CopyOut, a_write_for_which_no_copy_begins_waits_for_none_of_another)
{
	SnapshotFixture fixture;
	auto &full = fixture.add("P 8", 24);
	auto &hung = fixture.add("P 8");
	ASSERT_EQ(fixture.write(hung, 8, 8), 0);
	ASSERT_EQ(hung.mapped.flush(), 0);
	hung.cow.hold_all();
	auto first = fixture.start_write(0, 8);
	auto second = fixture.start_write(8, 8);
	fixture.world.settle();
	EXPECT_EQ(full.mapped.status(), "Invalid");
	EXPECT_FALSE(first->done);
	EXPECT_TRUE(second->done);
	hung.cow.release();
	EXPECT_EQ(fixture.origin.wait(first), 0);
	EXPECT_TRUE(fixture.right(hung));
}

/* A write needs two snapshots, and looks again when one no longer counts. */
class GoneSnapshotTest : public testing::Test {
protected:
	void start()
	{
		other_.cow.hold_all();
		write_ = fixture_.start_write(0, 8);
		fixture_.world.settle();
		EXPECT_FALSE(write_->done);
	}

	/* @hung no longer counts. */
	void other_answers(SnapshotFixture::Snap &hung)
	{
		other_.cow.release();
		fixture_.world.settle();
		EXPECT_TRUE(write_->done);
		auto second = fixture_.start_write(0, 8);
		fixture_.world.settle();
		EXPECT_TRUE(second->done);
		hung.cow.release();
		EXPECT_EQ(fixture_.origin.wait(write_), 0);
		EXPECT_EQ(fixture_.origin.wait(second), 0);
		fixture_.world.settle();
		EXPECT_TRUE(fixture_.right(other_));
	}

	SnapshotFixture fixture_;
	SnapshotFixture::Snap &other_ = fixture_.add("P 8");
	Mapped::Handle write_;
};

TEST_F(GoneSnapshotTest, is_being_removed)
{
	auto &hung = fixture_.add("P 8");
	hung.cow.hold_all();
	start();
	fixture_.world.spawn("removal", [&] { hung.mapped.remove(); });
	fixture_.world.settle();
	other_answers(hung);
}

/* No I/O is needed to mark a transient snapshot invalid. */
TEST_F(GoneSnapshotTest, is_invalid)
{
	auto &hung = fixture_.add("N 8", 8);
	hung.cow.hold_all();
	start();
	auto second = fixture_.start_write(80, 8);
	fixture_.world.settle();
	EXPECT_EQ(hung.mapped.status(), "Invalid");
	other_answers(hung);
	EXPECT_TRUE(second->done);
}

/* A second write joins the copy that was begun for both. */
TEST_F(GoneSnapshotTest, is_removed_before_its_copy_begins)
{
	auto &hung = fixture_.add("P 32");
	hung.cow.hold_all();
	write_ = fixture_.start_write(0, 8);
	fixture_.world.spawn("removal", [&] { hung.mapped.remove(); });
	auto second = fixture_.start_write(8, 8);
	fixture_.world.settle();
	EXPECT_TRUE(write_->done);
	EXPECT_TRUE(second->done);
	hung.cow.release();
	fixture_.world.settle();
	EXPECT_TRUE(fixture_.right(other_));
}

} // namespace
} // namespace dmsnap::test
