// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads and writes of a snapshot: what they cost, and when they are durable.
 */
#include <gtest/gtest.h>

#include "unit/snapshot/snapshot_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Mapped;
using user::Op;
using user::TargetType;

/*
 * Starts a commit, and ends a write to chunk 0 before the commit ends.  Returns the commit's
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
	/* One copy at a time. */
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
	/* Completes while the commit is in its write: only a later flush covers it. */
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
	/* Long before the timer of the lazy one. */
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
	/* The data, and the entry. */
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
	/* Long before a lazy commit. */
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
	/* The bio, and the parts before and after it, in any order. */
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

/* The first one reports the loss, and so do the others. */
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

	/* Nor of the table that is loaded in its place. */
	ASSERT_EQ(snap.mapped.load(user::TargetType::snapshot, 4096, snap.words), 0);
	ASSERT_EQ(snap.mapped.resume(), 0);
	EXPECT_EQ(snap.mapped.flush(), -5);
}

/* Its copies have failed, and with them all of its contents. */
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
 * A write with FUA checks whether the snapshot is healthy, then whether its chunk waits for
 * a commit.  Between the two the commit may fail.  No exception can be recorded here, so
 * no such write may succeed.
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

TEST(SnapshotDiscard, is_refused_without_the_feature)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	EXPECT_EQ(snap.mapped.discard(0, 8), -95);
}

TEST(SnapshotDiscard, of_whole_chunks_it_has_zeroes_them_in_place)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8 1 discard_zeroes_cow");
	ASSERT_EQ(fixture.write(snap, 0, 16), 0);
	std::string before = snap.mapped.status();
	snap.cow.reset_log();
	ASSERT_EQ(snap.mapped.discard(0, 16), 0);
	EXPECT_EQ(snap.cow.counters().zeroes, 2u);
	EXPECT_EQ(snap.mapped.status(), before);
	snap.frozen.write(0, std::vector<uint8_t>(16 * 512));
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotDiscard, of_chunks_it_lacks_does_nothing)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8 1 discard_zeroes_cow");
	ASSERT_EQ(snap.mapped.discard(0, 64), 0);
	EXPECT_EQ(snap.cow.log().size(), 0u);
	EXPECT_EQ(fixture.disk.log().size(), 0u);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotDiscard, of_a_part_is_passed_to_the_cow_device)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8 1 discard_zeroes_cow");
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	snap.cow.reset_log();
	ASSERT_EQ(snap.mapped.discard(2, 3), 0);
	EXPECT_EQ(snap.cow.counters().zeroes, 0u);
	ASSERT_EQ(snap.cow.counters().discards, 1u);
	EXPECT_EQ(snap.cow.log()[0].sectors, 3u);
	EXPECT_TRUE(snap.frozen.matches(5, snap.mapped.read(5, 3)));
}

TEST(SnapshotDiscard, over_two_chunks_fails_when_one_of_them_does)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8 1 discard_zeroes_cow");
	ASSERT_EQ(fixture.write(snap, 0, 16), 0);
	for (uint64_t part : {1, 2}) {
		snap.cow.fail_nth(Op::discard, part);
		EXPECT_EQ(snap.mapped.discard(4, 8), -5) << part;
		snap.cow.clear_faults();
	}
	snap.cow.reset_log();
	EXPECT_EQ(snap.mapped.discard(4, 8), 0);
	EXPECT_EQ(snap.cow.counters().discards, 2u);
}

/* A bio that dm has not split at the chunk size, because the limit may have changed since. */
TEST(SnapshotDiscard, of_many_chunks_does_to_each_run_what_it_needs)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8 1 discard_zeroes_cow");
	ASSERT_EQ(fixture.write(snap, 0, 24), 0);
	ASSERT_EQ(fixture.write(snap, 32, 16), 0);
	snap.cow.reset_log();
	dmsnap_bio_desc desc{
		.sector = 4, .sectors = 40, .op = DMSNAP_BIO_DISCARD, .fua = false, .nr = 0};
	std::vector<uint64_t> space((dmsnap_core_io_bytes() + 7) / 8);
	int error = 1;
	user::Bio bio(desc, {}, [&](int result) { error = result; });
	bio.begin_map();
	bio.end_map(dmsnap_core_snapshot_map(snap.mapped.snapshot(), &bio, &desc, space.data()));
	ASSERT_TRUE(fixture.world.run_until([&] { return error != 1; }));
	EXPECT_EQ(error, 0);

	/* The chunks follow header and area, without a gap. */
	using Io = std::tuple<Op, uint64_t, uint64_t>;
	std::vector<Io> done;
	for (const auto &io : snap.cow.log())
		done.emplace_back(io.op, io.sector, io.sectors);
	EXPECT_EQ(done, (std::vector<Io>{{Op::discard, 16 + 4, 4},
					 {Op::zero, 16 + 8, 16},
					 {Op::zero, 16 + 24, 8},
					 {Op::discard, 16 + 32, 4}}));
}

/* dm asks for the limit when the table becomes the active one, before the handover. */
TEST(SnapshotDiscard, of_one_that_takes_a_store_over_is_cut_at_the_chunks_of_that)
{
	for (const char *chunk : {"0", "64"}) {
		SnapshotFixture fixture;
		auto &snap = fixture.add("P 16 1 discard_zeroes_cow");
		ASSERT_EQ(fixture.write(snap, 0, 64), 0);
		ASSERT_EQ(snap.mapped.load(TargetType::snapshot, fixture.sectors,
					   std::string("disk cow0 P ") + chunk +
						   " 1 discard_zeroes_cow"),
			  0);
		ASSERT_EQ(snap.mapped.resume(), 0);
		snap.cow.reset_log();
		ASSERT_EQ(snap.mapped.discard(0, 64), 0);
		EXPECT_EQ(snap.cow.counters().zeroes, 4u);
		EXPECT_EQ(snap.cow.counters().discards, 0u);
	}
}

TEST(SnapshotDiscard, with_passdown_reaches_the_origin_too)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8 2 discard_zeroes_cow discard_passdown_origin");
	ASSERT_EQ(snap.mapped.discard(8, 8), 0);
	ASSERT_EQ(fixture.disk.counters().discards, 1u);
	EXPECT_EQ(fixture.disk.log()[0].sector, 8u);
}

} // namespace
} // namespace dmsnap::test
