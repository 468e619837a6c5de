// SPDX-License-Identifier: GPL-2.0-only
/* When snapshot writes are durable, and what a flush returns after some were lost. */
#include <gtest/gtest.h>

#include "unit/snapshot/snapshot_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Mapped;
using user::Op;
using user::TargetType;

/*
 * Starts a commit with a flush; a write to chunk 0 ends before the commit does.  Returns the
 * flush.
 */
Mapped::Handle write_beside_a_commit(SnapshotFixture &fixture, SnapshotFixture::Snap &snap)
{
	auto flush = snap.mapped.start_flush();
	fixture.world.run_until([&] { return snap.cow.counters().fua_writes == 1; });
	auto data = fixture.fresh(0, 8);
	auto write = snap.mapped.start_write(0, data);
	fixture.world.run_until([&] { return write->done; });
	snap.frozen.write(0, data);
	return flush;
}

TEST(SnapshotWrite, commits_nothing_without_a_request)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	for (uint64_t n = 0; n < 20; n++)
		ASSERT_EQ(fixture.write(snap, n * 24, 8), 0);
	fixture.world.settle();
	EXPECT_EQ(snap.cow.counters().fua_writes, 0u);
	EXPECT_EQ(snap.cow.counters().flushes, 0u);
}

TEST(SnapshotWrite, a_flush_commits_all_in_one_write)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	for (uint64_t n = 0; n < 20; n++)
		ASSERT_EQ(fixture.write(snap, n * 24, 8), 0);
	ASSERT_EQ(snap.mapped.flush(), 0);
	EXPECT_EQ(snap.cow.counters().fua_writes, 1u);
	EXPECT_EQ(snap.cow.counters().flushes, 1u);
	fixture.crash();
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotWrite, a_flush_without_anything_lazy_goes_to_the_cow_device)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	ASSERT_EQ(snap.mapped.flush(), 0);
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	snap.cow.reset_log();
	ASSERT_EQ(snap.mapped.flush(), 0);
	ASSERT_EQ(snap.cow.log().size(), 1u);
	EXPECT_EQ(snap.cow.log()[0].op, Op::flush);
	fixture.crash();
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotWrite, a_flush_during_a_commit_flushes_too)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	/* It completes while the commit is being written, so only a later flush covers it. */
	auto first = write_beside_a_commit(fixture, snap);
	ASSERT_EQ(snap.mapped.flush(), 0);
	fixture.crash();
	EXPECT_TRUE(fixture.right(snap));
	EXPECT_TRUE(first->done);
}

TEST(SnapshotWrite, the_timer_commits)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	fixture.world.run_for(900'000'000);
	EXPECT_EQ(snap.cow.counters().fua_writes, 0u);
	fixture.world.run_for(200'000'000);
	EXPECT_EQ(snap.cow.counters().fua_writes, 1u);
	fixture.crash();
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotWrite, suspending_commits)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	snap.mapped.suspend();
	EXPECT_EQ(snap.cow.counters().fua_writes, 1u);
	fixture.crash();
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotWrite, an_origin_write_to_its_chunk_commits_and_copies_nothing)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	uint64_t before = fixture.world.now_ns();
	ASSERT_EQ(fixture.write(0, 8), 0);
	EXPECT_LT(fixture.world.now_ns() - before, 100'000'000u);
	EXPECT_EQ(snap.cow.counters().fua_writes, 1u);
	EXPECT_EQ(fixture.disk.counters().reads, 0u);
	fixture.crash();
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotWrite, an_origin_write_elsewhere_records_lazy_runs_too)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	ASSERT_EQ(fixture.write(800, 8), 0);
	EXPECT_EQ(snap.cow.counters().fua_writes, 1u);
	snap.cow.reset_log();
	ASSERT_EQ(snap.mapped.flush(), 0);
	EXPECT_EQ(snap.cow.counters().fua_writes, 0u);
}

TEST(SnapshotWrite, an_origin_write_to_its_chunk_gets_the_commit_after_the_current_one)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 800, 8), 0);
	auto flush = write_beside_a_commit(fixture, snap);
	ASSERT_FALSE(flush->done);
	uint64_t begun = fixture.world.now_ns();
	EXPECT_EQ(fixture.write(0, 8), 0);
	/* Long before the timer of the lazy run. */
	EXPECT_LT(fixture.world.now_ns() - begun, 100'000'000u);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotWrite, with_fua_it_is_durable_when_it_ends)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 3, 30, true), 0);
	fixture.crash();
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotWrite, of_whole_chunks_with_fua_is_durable_when_it_ends)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 8, 16, true), 0);
	fixture.crash();
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotWrite, with_fua_to_a_lazy_chunk_it_commits)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	snap.cow.reset_log();
	ASSERT_EQ(fixture.write(snap, 2, 3, true), 0);
	/* The data and the entry. */
	EXPECT_EQ(snap.cow.counters().fua_writes, 2u);
	fixture.crash();
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotWrite, with_fua_to_a_durable_chunk_it_costs_one_write)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	ASSERT_EQ(snap.mapped.flush(), 0);
	snap.cow.reset_log();
	ASSERT_EQ(fixture.write(snap, 0, 8, true), 0);
	EXPECT_EQ(snap.cow.log().size(), 1u);
}

TEST(SnapshotWrite, one_that_is_not_flushed_may_be_lost_but_the_frozen_data_is_not)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	FrozenImage frozen = snap.frozen;
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	fixture.crash();
	EXPECT_TRUE((Pattern{1, 1}.matches(0, snap.mapped.read(0, 8))));
}

/* Not only the first flush reports the loss. */
TEST(SnapshotWrite, after_an_acknowledged_write_was_lost_no_flush_succeeds)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 0, 16), 0);
	snap.cow.fail_nth(Op::write, 1);
	fixture.world.run_for(2'000'000'000);
	ASSERT_EQ(snap.mapped.status(), "Invalid");
	for (int n = 0; n < 3; n++)
		EXPECT_EQ(snap.mapped.flush(), -5) << n;
	EXPECT_EQ(fixture.write(snap, 0, 16, true), -5);

	/* The same after a reload. */
	ASSERT_EQ(snap.mapped.load(user::TargetType::snapshot, 4096, snap.words), 0);
	ASSERT_EQ(snap.mapped.resume(), 0);
	EXPECT_EQ(snap.mapped.flush(), -5);
}

/* A copy-out failed, so the snapshot's contents are lost. */
TEST(SnapshotWrite, a_snapshot_that_is_invalid_fails_a_flush_as_all_else)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	ASSERT_EQ(snap.mapped.flush(), 0);
	snap.cow.fail_nth(Op::write, 1);
	ASSERT_EQ(fixture.write(64, 8), 0);
	ASSERT_EQ(snap.mapped.status(), "Invalid");
	EXPECT_EQ(snap.mapped.flush(), -5);
}

/*
 * A FUA write checks whether the snapshot is valid, then whether its chunk waits for a commit.
 * The commit may fail between the two checks.  No exception can be recorded here, so every such
 * write must fail.
 */
TEST(SnapshotWrite, with_fua_to_a_chunk_that_is_being_lost_fails)
{
	for (uint64_t seed = 1; seed <= 400; seed++) {
		SnapshotFixture fixture(4096, {.order = user::Order::random, .seed = seed});
		auto &snap = fixture.add("P 8");
		ASSERT_EQ(fixture.write(snap, 0, 8), 0);
		snap.cow.fail_range(Op::write, 8, 8);
		auto flush = snap.mapped.start_flush();
		fixture.world.spawn("writer", [&] {
			while (!flush->done)
				EXPECT_EQ(fixture.write(snap, 0, 8, true), -5) << seed;
		});
		fixture.world.settle();
		EXPECT_EQ(flush->error, -5) << seed;
		EXPECT_EQ(snap.mapped.status(), "Invalid") << seed;
	}
}

} // namespace
} // namespace dmsnap::test
