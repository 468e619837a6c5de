// SPDX-License-Identifier: GPL-2.0-only
/*
 * The snapshot-merge target, one aspect at a time: what it merges, and what it costs.  The
 * simulator (tests/sim) has the randomised tests and the crashes.
 */
#include <algorithm>
#include <cerrno>

#include <gtest/gtest.h>

#include "unit/merge/merge_fixture.hpp"
#include "user/memory.hpp"

namespace dmsnap::test {
namespace {

using user::Op;
using user::Random;
using user::TargetType;

TEST_F(MergeTest, brings_the_origin_back_to_what_the_snapshot_was)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(fixture_.write(100, 3000), 0);
	ASSERT_EQ(fixture_.write(snap, 5001, 77), 0);
	ASSERT_EQ(begin(snap), 0);
	EXPECT_TRUE(shows(snap));
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "16/65536 16");
	EXPECT_EQ(merging_.events(), 1u);
	EXPECT_TRUE(merged(snap));
	EXPECT_TRUE(shows(snap));
	/* The merge is complete: the list is empty, and a new merge has nothing to do. */
	merging_.remove();
	ASSERT_EQ(merging_.create(TargetType::merge, disk_sectors, snap.words), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "16/65536 16");
	EXPECT_EQ(merging_.events(), 1u);
}

TEST_F(MergeTest, status_goes_down_with_every_batch)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	write_random(snap, 2000);
	ASSERT_EQ(snap.mapped.flush(), 0);
	std::string status = snap.mapped.status();
	ASSERT_EQ(begin(snap), 0);
	EXPECT_EQ(merging_.status(), status);
	uint64_t last = std::stoull(status);
	unsigned int steps = 0;
	while (fixture_.world.step()) {
		uint64_t now = std::stoull(merging_.status());
		EXPECT_LE(now, last);
		steps += now < last;
		last = now;
	}
	EXPECT_GE(steps, 3u);
	EXPECT_TRUE(merged(snap));
}

TEST_F(MergeTest, of_512_random_chunks_takes_at_most_8_flushes_and_8_metadata_writes)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	write_random(snap, 512);
	ASSERT_EQ(begin(snap), 0);
	fixture_.world.run_until_idle();
	EXPECT_TRUE(merged(snap));
	EXPECT_LE(fixture_.disk.counters().flushes + snap.cow.counters().flushes, 8u);
	EXPECT_LE(snap.cow.counters().writes, 8u);
	EXPECT_EQ(snap.cow.counters().writes, writes_with(snap.cow, DMSNAP_IO_FUA));
}

TEST_F(MergeTest, reads_what_lies_together_at_once)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	write_random(snap, 512);
	ASSERT_EQ(begin(snap), 0);
	fixture_.world.run_until_idle();
	/* 1.6 MiB in pieces of up to 256 KiB, and the blocks of the list. */
	EXPECT_LT(snap.cow.counters().reads, 40u);
}

TEST_F(MergeTest, chunks_of_all_sizes)
{
	for (unsigned int chunk : {1u, 2u, 16u, 128u, 2048u}) {
		SCOPED_TRACE(chunk);
		SnapshotFixture::Snap &snap =
			fixture_.add("P " + std::to_string(chunk), cow_sectors);
		Random random(chunk);
		for (int n = 0; n < 60; n++) {
			uint64_t sector = random.below(disk_sectors - 64);
			ASSERT_EQ(fixture_.write(snap, sector, 1 + random.below(64)), 0);
		}
		ASSERT_EQ(begin(snap), 0);
		fixture_.world.run_until_idle();
		EXPECT_EQ(merging_.status(),
			  std::to_string(2 * chunk) + "/65536 " + std::to_string(2 * chunk));
		EXPECT_TRUE(merged(snap));
		merging_.remove();
		ASSERT_EQ(fixture_.origin.create(TargetType::origin, disk_sectors, "disk"), 0);
	}
}

TEST_F(MergeTest, other_snapshots_keep_their_images)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	write_random(snap, 400);
	ASSERT_EQ(fixture_.write(2000, 5000), 0);
	SnapshotFixture::Snap &small = fixture_.add("P 8", cow_sectors);
	SnapshotFixture::Snap &large = fixture_.add("P 128", cow_sectors);
	SnapshotFixture::Snap &transient = fixture_.add("N 16", cow_sectors);
	ASSERT_EQ(begin(snap), 0);
	std::vector<uint8_t> data = fixture_.fresh(300, 700);
	EXPECT_EQ(merging_.write(300, data), 0);
	snap.frozen.write(300, data);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "16/65536 16");
	EXPECT_TRUE(merged(snap));
	EXPECT_TRUE(fixture_.right(small));
	EXPECT_TRUE(fixture_.right(large));
	EXPECT_TRUE(fixture_.right(transient));
	small.mapped.remove();
	large.mapped.remove();
	transient.mapped.remove();
}

TEST_F(MergeTest, says_what_it_has_done)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(fixture_.write(0, 300 * 8), 0);
	ASSERT_EQ(begin(snap), 0);
	fixture_.world.run_until_idle();
	std::string answer;
	ASSERT_EQ(merging_.message({"stats"}, &answer), 0);
	EXPECT_NE(answer.find("\nmerged_chunks 300\n"), answer.npos);
	/* A batch of 256 chunks, then the rest. */
	EXPECT_NE(answer.find("\nmerge_batch_chunks 32:1 256:1\n"), answer.npos);
	EXPECT_NE(answer.find("\nmerge_failures 0\n"), answer.npos);
}

TEST_F(MergeTest, refuses_messages_that_are_for_snapshots)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(fixture_.write(0, 80), 0);
	ASSERT_EQ(begin(snap), 0);
	EXPECT_EQ(merging_.message({"commit"}), -EINVAL);
	EXPECT_EQ(merging_.message({"stall", "on"}), -EINVAL);
	EXPECT_EQ(merging_.message({"copy_ahead", "off"}), -EINVAL);
	fixture_.world.run_until_idle();
	std::string answer;
	ASSERT_EQ(merging_.message({"stats"}, &answer), 0);
	EXPECT_NE(answer.find("\nmerged_chunks 10\n"), answer.npos);
	ASSERT_EQ(merging_.message({"stats", "reset"}), 0);
	ASSERT_EQ(merging_.message({"stats"}, &answer), 0);
	EXPECT_NE(answer.find("\nmerged_chunks 0\n"), answer.npos);
}

TEST_F(MergeTest, fails_an_operation_that_no_target_supports)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	EXPECT_EQ(snap.mapped.other(0, 8), -EIO);
	EXPECT_EQ(fixture_.origin.other(0, 8), -EIO);
	ASSERT_EQ(begin(snap), 0);
	EXPECT_EQ(merging_.other(0, 8), -EIO);
}

TEST_F(MergeTest, goes_on_without_memory)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	SnapshotFixture::Snap &other = fixture_.add("P 16", cow_sectors);
	write_random(snap, 700);
	ASSERT_EQ(begin(snap), 0);
	user::Memory::instance().fail_nowait_from(0);
	fixture_.world.run_until_idle();
	user::Memory::instance().fail_nothing();
	EXPECT_EQ(merging_.status(), "16/65536 16");
	EXPECT_TRUE(merged(snap));
	EXPECT_TRUE(fixture_.right(other));
}

TEST_F(MergeTest, a_flush_reaches_both_devices)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(begin(snap), 0);
	fixture_.world.run_until_idle();
	fixture_.disk.reset_log();
	snap.cow.reset_log();
	EXPECT_EQ(merging_.flush(), 0);
	EXPECT_EQ(fixture_.disk.counters().flushes, 1u);
	EXPECT_EQ(snap.cow.counters().flushes, 1u);
}

TEST_F(MergeTest, a_discard_loses_nothing_that_has_yet_to_be_merged)
{
	for (const char *store : {"P 8", "P 8 1 discard_zeroes_cow"}) {
		SnapshotFixture::Snap &snap = fixture_.add(store, cow_sectors);
		const std::vector<uint8_t> before = fixture_.disk.peek(0, disk_sectors);
		write_random(snap, 100);
		/* Nothing is merged before the discard. */
		fixture_.disk.hold(Op::write);
		ASSERT_EQ(begin(snap), 0);
		EXPECT_EQ(merging_.discard(0, 4000), 0);
		fixture_.disk.release();
		fixture_.world.run_until_idle();
		EXPECT_EQ(snap.cow.counters().zeroes + snap.cow.counters().discards, 0u);
		const std::vector<uint8_t> zeros(8 * 512);
		unsigned int discarded = 0;
		for (uint64_t at = 0; at < disk_sectors; at += 8) {
			const std::vector<uint8_t> found = fixture_.disk.peek(at, 8);
			const std::vector<uint8_t> expected = snap.frozen.expected(at, 8);
			if (found == expected)
				continue;
			discarded++;
			EXPECT_LT(at, 4000u);
			EXPECT_EQ(found, zeros);
			EXPECT_TRUE(std::equal(expected.begin(), expected.end(),
					       before.begin() + static_cast<ptrdiff_t>(at * 512)));
		}
		EXPECT_GT(discarded, 300u);
		merging_.remove();
		fixture_.disk.poke(0, before);
		ASSERT_EQ(fixture_.origin.create(TargetType::origin, disk_sectors, "disk"), 0);
	}
}

} // namespace
} // namespace dmsnap::test
