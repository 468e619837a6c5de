// SPDX-License-Identifier: GPL-2.0-only
/*
 * The snapshot-merge target, one aspect at a time.  Randomised and with crashes:
 * the simulator (tests/sim).
 */
#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <gtest/gtest.h>

#include "support/seed.hpp"
#include "unit/snapshot/snapshot_fixture.hpp"
#include "user/memory.hpp"

namespace dmsnap::test {
namespace {

using user::Device;
using user::IoRecord;
using user::Mapped;
using user::Op;
using user::Random;
using user::TargetType;

constexpr uint64_t disk_sectors = 16384;
constexpr uint64_t cow_sectors = 65536;

class MergeTest : public testing::Test {
protected:
	/* Chunks of 8 sectors of the snapshot, written one by one in random order. */
	void write_random(SnapshotFixture::Snap &snap, uint64_t chunks)
	{
		Random random(7);
		for (uint64_t n = 0; n < chunks; n++) {
			uint64_t chunk = random.below(disk_sectors / 8);
			ASSERT_EQ(fixture_.write(snap, chunk * 8, 8), 0);
		}
	}

	/* Removes the snapshot and the origin, and puts the merge in their place. */
	int begin(SnapshotFixture::Snap &snap)
	{
		snap.mapped.remove();
		fixture_.origin.remove();
		fixture_.disk.reset_log();
		snap.cow.reset_log();
		return merging_.create(TargetType::merge, disk_sectors, snap.words);
	}

	testing::AssertionResult shows(SnapshotFixture::Snap &snap)
	{
		return snap.frozen.matches_all([&](uint64_t sector, uint64_t count) {
			return merging_.read(sector, count);
		});
	}

	/* On the disk itself. */
	testing::AssertionResult merged(SnapshotFixture::Snap &snap)
	{
		return snap.frozen.matches_all([&](uint64_t sector, uint64_t count) {
			return fixture_.disk.peek(sector, count);
		});
	}

	static size_t writes_with(const Device &device, unsigned int flags)
	{
		size_t count = 0;
		for (const IoRecord &io : device.log())
			count += io.op == Op::write && (io.flags & flags) == flags;
		return count;
	}

	SnapshotFixture fixture_{disk_sectors};
	Mapped merging_{"merging"};
};

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
	/* The merge is complete: the list is empty, and a new instance has nothing to do. */
	merging_.remove();
	ASSERT_EQ(merging_.create(TargetType::merge, disk_sectors, snap.words), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "16/65536 16");
	EXPECT_EQ(merging_.events(), 1u);
}

/* The origin has grown since the snapshot was made, or was longer from the start. */
TEST_F(MergeTest, leaves_alone_everything_after_the_end_of_the_snapshot)
{
	constexpr uint64_t length = disk_sectors - 11;
	SnapshotFixture::Snap &snap = fixture_.add("P 16", cow_sectors, length);
	/* Its last chunk, once by a separate write and once with others before it. */
	ASSERT_EQ(fixture_.write(snap, length - 3, 3), 0);
	ASSERT_EQ(fixture_.write(snap, length - 21, 16), 0);
	ASSERT_EQ(fixture_.write(length, 11), 0);
	std::vector<uint8_t> behind = fixture_.disk.peek(length, 11);
	snap.mapped.remove();
	fixture_.origin.remove();
	ASSERT_EQ(merging_.create(TargetType::merge, length, snap.words), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "32/65536 32");
	EXPECT_TRUE(merged(snap));
	EXPECT_EQ(fixture_.disk.peek(length, 11), behind);
}

TEST_F(MergeTest, continues_after_a_killed_suspend)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	for (uint64_t at = 0; at < disk_sectors; at += 16)
		ASSERT_EQ(fixture_.write(snap, at, 8), 0);
	ASSERT_EQ(begin(snap), 0);
	/* It keeps the suspend waiting. */
	fixture_.disk.hold(Op::read);
	Mapped::Handle read = merging_.start_read(disk_sectors - 8, 8);
	int error = 0;
	fixture_.world.spawn("suspend", [&] { error = merging_.suspend(); });
	fixture_.world.run_for(100'000'000);
	fixture_.world.kill("suspend");
	fixture_.world.settle();
	EXPECT_EQ(error, -EINTR);
	EXPECT_FALSE(merging_.suspended());
	fixture_.disk.release();
	fixture_.world.run_until_idle();
	EXPECT_TRUE(read->done);
	EXPECT_EQ(merging_.status(), "16/65536 16");
	EXPECT_TRUE(merged(snap));
}

/* The part after its own end is merged too, as in-tree, but not past the device's end. */
TEST(MergeEnd, of_a_device_shorter_than_the_snapshot)
{
	constexpr uint64_t length = 4096 - 3;
	SnapshotFixture fixture(length);
	SnapshotFixture::Snap &snap = fixture.add("P 16", 16384);
	ASSERT_EQ(fixture.write(snap, length - 5, 5), 0);
	ASSERT_EQ(fixture.write(100, 100), 0);
	snap.mapped.remove();
	fixture.origin.remove();
	Mapped merging("merging");
	ASSERT_EQ(merging.create(TargetType::merge, 1024, snap.words), 0);
	fixture.world.run_until_idle();
	EXPECT_EQ(merging.status(), "32/16384 32");
	EXPECT_TRUE(snap.frozen.matches_all(
		[&](uint64_t sector, uint64_t count) { return fixture.disk.peek(sector, count); }));
	merging.remove();
}

/* With and without others that are merged with it. */
TEST(MergeEnd, in_the_middle_of_a_run)
{
	constexpr uint64_t length = 4096, end = 1021, chunk_end = 1024;
	SnapshotFixture fixture(length);
	SnapshotFixture::Snap &snap = fixture.add("P 16", 16384);
	ASSERT_EQ(fixture.write(960, 128), 0);
	std::vector<uint8_t> behind = fixture.disk.peek(end, chunk_end - end);
	snap.mapped.remove();
	fixture.origin.remove();
	Mapped merging("merging");
	ASSERT_EQ(merging.create(TargetType::merge, end, snap.words), 0);
	fixture.world.run_until_idle();
	EXPECT_EQ(merging.status(), "32/16384 32");
	EXPECT_EQ(fixture.disk.peek(end, chunk_end - end), behind);
	/* Everything around it is restored. */
	fixture.disk.poke(end, snap.frozen.expected(end, chunk_end - end));
	EXPECT_TRUE(snap.frozen.matches_all(
		[&](uint64_t sector, uint64_t count) { return fixture.disk.peek(sector, count); }));
	merging.remove();
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
	/* 1.6 MiB in pieces of up to 256 KiB, and the list's blocks. */
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

TEST_F(MergeTest, takes_the_store_over_in_the_order_of_lvm)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	write_random(snap, 300);
	ASSERT_EQ(fixture_.write(0, 4000), 0);
	ASSERT_EQ(fixture_.origin.load(TargetType::merge, disk_sectors, snap.words), 0)
		<< fixture_.origin.error_text();
	fixture_.origin.suspend();
	snap.mapped.suspend();
	ASSERT_EQ(fixture_.origin.resume(), 0);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
	snap.mapped.remove();
	fixture_.world.run_until_idle();
	EXPECT_EQ(fixture_.origin.status(), "16/65536 16");
	EXPECT_TRUE(merged(snap));
}

TEST_F(MergeTest, is_refused_while_the_source_is_not_suspended)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(fixture_.origin.load(TargetType::merge, disk_sectors, snap.words), 0);
	EXPECT_EQ(fixture_.origin.resume(), -22);
	snap.mapped.suspend();
	EXPECT_EQ(snap.mapped.resume(), -22);
	EXPECT_EQ(fixture_.origin.resume(), 0);
}

TEST_F(MergeTest, is_loaded_while_the_source_is_suspended)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	write_random(snap, 100);
	snap.mapped.suspend();
	ASSERT_EQ(fixture_.origin.load(TargetType::merge, disk_sectors, snap.words), 0);
	ASSERT_EQ(fixture_.origin.resume(), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(fixture_.origin.status(), "16/65536 16");
	EXPECT_TRUE(merged(snap));
}

TEST_F(MergeTest, that_is_never_resumed_leaves_the_snapshot_alone)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	write_random(snap, 100);
	ASSERT_EQ(fixture_.origin.load(TargetType::merge, disk_sectors, snap.words), 0);
	/* The table that is loaded next takes its place. */
	ASSERT_EQ(fixture_.origin.load(TargetType::origin, disk_sectors, "disk"), 0);
	ASSERT_EQ(fixture_.origin.resume(), 0);
	ASSERT_EQ(fixture_.write(0, 1000), 0);
	EXPECT_TRUE(fixture_.right(snap));
}

TEST_F(MergeTest, waits_with_its_claims_for_a_handover_beside_it)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(fixture_.write(0, 8000), 0);
	SnapshotFixture::Snap &other = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(begin(snap), 0);
	Mapped next("next");
	for (int round = 0; round < 4; round++) {
		fixture_.world.run_for(300'000);
		Mapped &from = round % 2 ? next : other.mapped;
		Mapped &to = round % 2 ? other.mapped : next;
		ASSERT_EQ(to.load(TargetType::snapshot, disk_sectors, other.words), 0);
		from.suspend();
		ASSERT_EQ(to.resume(), 0);
		from.remove();
	}
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "16/65536 16");
	EXPECT_TRUE(merged(snap));
	EXPECT_TRUE(fixture_.right(other));
	other.mapped.remove();
}

TEST_F(MergeTest, without_its_source_is_the_origin_alone)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(fixture_.write(0, 1000), 0);
	ASSERT_EQ(fixture_.origin.load(TargetType::merge, disk_sectors, snap.words), 0);
	snap.mapped.remove();
	EXPECT_TRUE(fixture_.world.log_holds("Cancelling snapshot handover."));
	ASSERT_EQ(fixture_.origin.resume(), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(fixture_.origin.status(), "Invalid");
	EXPECT_TRUE(fixture_.world.log_holds("Snapshot is invalid: can't merge"));
	std::vector<uint8_t> data = fixture_.fresh(500, 100);
	EXPECT_EQ(fixture_.origin.write(500, data), 0);
	EXPECT_EQ(fixture_.disk.peek(500, 100), data);
	EXPECT_EQ(fixture_.origin.read(500, 100), data);
	EXPECT_EQ(fixture_.origin.flush(), 0);
}

TEST_F(MergeTest, only_one_at_a_time)
{
	SnapshotFixture::Snap &first = fixture_.add("P 8", cow_sectors);
	SnapshotFixture::Snap &second = fixture_.add("P 8", cow_sectors);
	write_random(first, 100);
	ASSERT_EQ(begin(first), 0);
	Mapped other("other");
	EXPECT_EQ(other.load(TargetType::merge, disk_sectors, second.words), -22);
	EXPECT_EQ(other.error_text(), "A snapshot is already merging.");
	second.mapped.remove();
	EXPECT_EQ(other.load(TargetType::merge, disk_sectors, second.words), -22);
	EXPECT_EQ(other.error_text(), "A snapshot is already merging.");
	/* As in-tree: nor can the merging one be loaded again. */
	EXPECT_EQ(merging_.load(TargetType::merge, disk_sectors, first.words), -22);
	EXPECT_EQ(merging_.error_text(), "A snapshot is already merging.");
}

TEST_F(MergeTest, one_that_waits_for_its_resume_is_the_only_one_too)
{
	SnapshotFixture::Snap &first = fixture_.add("P 8", cow_sectors);
	SnapshotFixture::Snap &second = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(merging_.load(TargetType::merge, disk_sectors, first.words), 0);
	Mapped other("other");
	EXPECT_EQ(other.load(TargetType::merge, disk_sectors, second.words), -22);
	EXPECT_EQ(other.error_text(), "A snapshot is already merging.");
}

TEST_F(MergeTest, a_transient_store_is_refused)
{
	SnapshotFixture::Snap &snap = fixture_.add("N 8", cow_sectors);
	EXPECT_EQ(merging_.load(TargetType::merge, disk_sectors, snap.words), -22);
	EXPECT_EQ(merging_.error_text(),
		  "Snapshot exception store does not support snapshot-merge.");
	/* Also if only the source has one. */
	EXPECT_EQ(merging_.load(TargetType::merge, disk_sectors, "disk cow0 P 8"), -22);
	EXPECT_EQ(merging_.error_text(),
		  "Snapshot exception store does not support snapshot-merge.");
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

TEST_F(MergeTest, writes_go_where_they_will_be_read)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(fixture_.write(0, 8000), 0);
	ASSERT_EQ(begin(snap), 0);
	Random random(3);
	for (bool more = true; more;) {
		uint64_t sector = random.below(disk_sectors - 40);
		std::vector<uint8_t> data = fixture_.fresh(sector, 1 + random.below(40));
		auto request = merging_.start_write(sector, data);
		snap.frozen.write(sector, data);
		for (uint64_t n = random.below(40); n && more; n--)
			more = fixture_.world.step();
		ASSERT_EQ(merging_.wait(request), 0);
	}
	EXPECT_EQ(merging_.status(), "16/65536 16");
	EXPECT_TRUE(shows(snap));
	EXPECT_TRUE(merged(snap));
}

TEST_F(MergeTest, a_write_waits_only_while_its_batch_is_retired)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(fixture_.write(0, 8000), 0);
	ASSERT_EQ(begin(snap), 0);
	/* While the batch is copied, writes to its chunks do not wait for it. */
	fixture_.disk.hold(Op::write);
	fixture_.world.run_for(50'000'000);
	ASSERT_GT(fixture_.disk.held(), 0u);
	std::vector<uint8_t> data = fixture_.fresh(0, 8000);
	auto request = merging_.start_write(0, data);
	snap.frozen.write(0, data);
	fixture_.world.run_for(50'000'000);
	EXPECT_TRUE(request->done);
	fixture_.disk.release();
	/* Now the flush: the batch is blocked. */
	fixture_.disk.hold(Op::flush);
	fixture_.world.run_for(50'000'000);
	ASSERT_EQ(fixture_.disk.held(), 1u);
	data = fixture_.fresh(0, 8000);
	request = merging_.start_write(0, data);
	snap.frozen.write(0, data);
	fixture_.world.run_for(50'000'000);
	EXPECT_FALSE(request->done);
	fixture_.disk.release();
	EXPECT_EQ(merging_.wait(request), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "16/65536 16");
	EXPECT_TRUE(merged(snap));
}

TEST_F(MergeTest, a_constantly_written_chunk_gets_a_last_copy)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(fixture_.write(0, 64), 0);
	ASSERT_EQ(begin(snap), 0);
	/* Another sector each time, so that none hides a lost one. */
	uint64_t writes = 0;
	for (; merging_.status() != "16/65536 16"; writes++) {
		std::vector<uint8_t> data = fixture_.fresh(writes % 64, 1);
		ASSERT_EQ(merging_.write(writes % 64, data), 0);
		snap.frozen.write(writes % 64, data);
	}
	EXPECT_GT(writes, 20u);
	EXPECT_TRUE(merged(snap));
}

TEST_F(MergeTest, a_write_over_several_runs_of_the_batch_is_copied_again_in_all_of_them)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	/* Backwards: neighbours on the origin are not adjacent on the COW device. */
	for (uint64_t chunk = 8; chunk--;)
		ASSERT_EQ(fixture_.write(chunk * 8, 8), 0);
	ASSERT_EQ(begin(snap), 0);
	uint64_t writes = 0;
	for (; merging_.status() != "16/65536 16"; writes++) {
		uint64_t sector = writes % 7 * 8 + 4;
		std::vector<uint8_t> data = fixture_.fresh(sector, 8);
		ASSERT_EQ(merging_.write(sector, data), 0);
		snap.frozen.write(sector, data);
	}
	EXPECT_GT(writes, 5u);
	EXPECT_TRUE(merged(snap));
}

/* A run of many chunks is several jobs; all of them have to copy a write again. */
TEST_F(MergeTest, a_chunk_written_while_its_copies_are_in_flight_is_copied_again)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(fixture_.write(0, 8000), 0);
	ASSERT_EQ(begin(snap), 0);
	fixture_.disk.hold(Op::write);
	fixture_.world.run_for(50'000'000);
	ASSERT_GT(fixture_.disk.held(), 1u);
	std::vector<uint8_t> data = fixture_.fresh(0, 8000);
	ASSERT_EQ(merging_.write(0, data), 0);
	snap.frozen.write(0, data);
	fixture_.disk.release();
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "16/65536 16");
	EXPECT_TRUE(merged(snap));
}

TEST_F(MergeTest, a_suspend_ends_the_batch_and_a_resume_continues)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	write_random(snap, 1500);
	ASSERT_EQ(begin(snap), 0);
	int rounds = 0;
	while (merging_.status() != "16/65536 16") {
		fixture_.world.run_for(10'000);
		merging_.suspend();
		fixture_.world.settle();
		std::string status = merging_.status();
		fixture_.world.run_for(1'000'000'000);
		EXPECT_EQ(merging_.status(), status);
		ASSERT_EQ(merging_.resume(), 0);
		ASSERT_LT(++rounds, 100);
	}
	EXPECT_GT(rounds, 1);
	EXPECT_TRUE(merged(snap));
}

TEST_F(MergeTest, that_is_paused_continues_on_request)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	write_random(snap, 1500);
	ASSERT_EQ(begin(snap), 0);
	ASSERT_TRUE(fixture_.world.step());
	ASSERT_EQ(merging_.message({"merge", "pause"}), 0);
	fixture_.world.run_until_idle();
	std::string status = merging_.status();
	EXPECT_NE(status, "16/65536 16");
	EXPECT_EQ(merging_.events(), 0u);
	EXPECT_TRUE(shows(snap));

	/* A resume of the device does not end the pause. */
	merging_.suspend();
	ASSERT_EQ(merging_.resume(), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), status);

	/* Nor does the end of the pause start anything while the device is suspended. */
	merging_.suspend();
	ASSERT_EQ(merging_.message({"merge", "resume"}), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), status);
	ASSERT_EQ(merging_.resume(), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "16/65536 16");
	EXPECT_EQ(merging_.events(), 1u);
	EXPECT_TRUE(merged(snap));
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
	/* 256 chunks, then the rest. */
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

/* I/O takes no time, so the batch may end whenever other code ran. */
TEST(MergeOrders, a_write_finds_that_its_chunk_was_merged_since_it_looked)
{
	/* Longer than what enters the regions at once, so that dm's bio is cut. */
	constexpr uint64_t length = 4104;
	constexpr uint64_t all = 16384;
	for_seeds(40, [](uint64_t seed) {
		SnapshotFixture fixture(all, {.order = user::Order::random, .seed = seed});
		fixture.world.add_device(
			{.name = "fast", .sectors = 32768, .latency_ns = 0, .flush_ns = 0});
		Mapped snapshot("snapshot");
		ASSERT_EQ(snapshot.create(TargetType::snapshot, all, "disk fast P 8"), 0);
		ASSERT_EQ(fixture.write(0, all), 0);
		snapshot.remove();
		fixture.origin.remove();
		Mapped merging("merging");
		ASSERT_EQ(merging.create(TargetType::merge, all, "disk fast P 8"), 0);
		/* The last chunks are merged first: write those whose turn it is. */
		auto chunks_left = [&] {
			uint64_t allocated, metadata;
			EXPECT_EQ(std::sscanf(merging.status().c_str(), "%lu/32768 %lu", &allocated,
					      &metadata),
				  2);
			return (allocated - metadata) / 8;
		};
		Random random(seed);
		std::vector<bool> written(all);
		std::vector<Mapped::Handle> writes;
		while (uint64_t left = chunks_left()) {
			const uint64_t at =
				8 * (left - 1 - random.below(std::min<uint64_t>(left, 256)));
			if (at + length <= all) {
				std::fill_n(written.begin() + static_cast<ptrdiff_t>(at), length,
					    true);
				writes.push_back(
					merging.start_write(at, Pattern{2, 1}.make(at, length)));
			}
			for (uint64_t n = random.below(60); n > 0 && fixture.world.step(); n--) {
			}
		}
		EXPECT_GT(writes.size(), 0u);
		for (const Mapped::Handle &write : writes)
			EXPECT_EQ(merging.wait(write), 0);
		fixture.world.run_until_idle();
		for (uint64_t sector = 0; sector < all; sector++) {
			const Pattern right = written[sector] ? Pattern{2, 1} : Pattern{1, 1};
			ASSERT_TRUE(right.matches(sector, merging.read(sector, 1))) << sector;
		}
	});
}

TEST_F(MergeTest, keeps_to_its_rate)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	for (uint64_t chunk = 0; chunk < 1000; chunk++)
		ASSERT_EQ(fixture_.write(snap, chunk * 16, 8), 0);
	snap.mapped.remove();
	fixture_.origin.remove();
	ASSERT_EQ(merging_.load(TargetType::merge, disk_sectors, snap.words), 0);
	uint64_t begun = fixture_.world.now_ns();
	ASSERT_EQ(merging_.resume(), 0);
	ASSERT_EQ(merging_.message({"merge", "rate", "1000"}), 0);
	while (merging_.events() == 0)
		ASSERT_TRUE(fixture_.world.step());
	EXPECT_TRUE(merged(snap));
	/* 4000 KiB; the last quarter of a second is not waited for. */
	double seconds = static_cast<double>(fixture_.world.now_ns() - begun) / 1e9;
	EXPECT_GE(seconds, 3.7);
	EXPECT_LE(seconds, 4.3);
}

TEST_F(MergeTest, a_slow_one_is_suspended_and_hurried_at_once)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	write_random(snap, 300);
	ASSERT_EQ(begin(snap), 0);
	ASSERT_EQ(merging_.message({"merge", "rate", "1"}), 0);
	fixture_.world.run_for(2000000000);
	ASSERT_NE(merging_.status(), "16/65536 16");

	/* It waits some seconds for its next batch now. */
	uint64_t begun = fixture_.world.now_ns();
	merging_.suspend();
	EXPECT_LT(fixture_.world.now_ns() - begun, 100000000u);
	ASSERT_EQ(merging_.resume(), 0);
	ASSERT_EQ(merging_.message({"merge", "rate", "0"}), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "16/65536 16");
	EXPECT_TRUE(merged(snap));
}

/* An origin of small blocks that ends inside one of the COW device's. */
TEST(MergeEnd, reads_whole_blocks_of_the_cow_device)
{
	for (const char *chunk : {"8", "16", "1024"}) {
		SnapshotFixture fixture(4096 + 13);
		fixture.world.add_device({.name = "cow4k", .sectors = 1 << 14, .block_sectors = 8});
		Mapped snap("snapshot");
		std::string words = std::string("disk cow4k P ") + chunk;
		ASSERT_EQ(snap.create(TargetType::snapshot, 4109, words), 0);
		std::vector<uint8_t> whole = fixture.disk.peek(0, 4109);
		ASSERT_EQ(fixture.write(4096, 13), 0);
		snap.remove();
		fixture.origin.remove();
		Mapped merging("merging");
		ASSERT_EQ(merging.create(TargetType::merge, 4109, words), 0);
		fixture.world.run_until_idle();
		EXPECT_NE(merging.status(), "Merge failed");
		EXPECT_TRUE(fixture.disk.peek(0, 4109) == whole) << chunk;
	}
}

TEST_F(MergeTest, a_higher_rate_holds_for_the_batch_that_waits_already)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	write_random(snap, 300);
	ASSERT_EQ(begin(snap), 0);
	ASSERT_EQ(merging_.message({"merge", "rate", "1"}), 0);
	fixture_.world.run_for(9'000'000'000);
	std::string before = merging_.status();
	/* A chunk of 4 KiB every 4 seconds. */
	while (merging_.status() == before)
		ASSERT_TRUE(fixture_.world.step());
	before = merging_.status();
	fixture_.world.run_for(500'000'000);
	EXPECT_EQ(merging_.status(), before);
	/* Now one second is enough. */
	ASSERT_EQ(merging_.message({"merge", "rate", "4"}), 0);
	fixture_.world.run_for(700'000'000);
	EXPECT_NE(merging_.status(), before);
}

TEST_F(MergeTest, takes_smaller_batches_beside_users_of_a_slow_device)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(fixture_.write(0, 1000 * 8), 0);
	ASSERT_EQ(begin(snap), 0);
	unsigned int batches = 0;
	fixture_.disk.hold(Op::flush);
	for (; merging_.status() != "16/65536 16"; batches++) {
		ASSERT_LT(batches, 100u);
		fixture_.world.run_for(20'000'000);
		merging_.read(0, 8);
		fixture_.disk.release();
		fixture_.disk.hold(Op::flush);
		fixture_.world.run_for(1'000'000);
	}
	fixture_.disk.release();
	/* 256 at first, in 20 ms where 8 are meant; 32 are the least. */
	EXPECT_GT(batches, 15u);
	EXPECT_TRUE(merged(snap));
}

/* Copies for another snapshot, more at once than there are pages, until everything is written. */
class MergeBesideCopies : public testing::Test {
protected:
	static constexpr uint64_t a_while = 5'000'000;
	static constexpr uint64_t writers = 12, writes_each = 4, block = 2048;
	static constexpr uint64_t first = block;
	static constexpr uint64_t sectors = first + writers * writes_each * block;

	void SetUp() override
	{
		for (uint64_t n = 0; n < 64; n++)
			ASSERT_EQ(fixture_.write(merged_, n % 8 * 256 + n / 8 * 16, 8), 0);
		merged_.mapped.remove();
		other_ = &fixture_.add("P 128", 2 * sectors);
		fixture_.origin.remove();
	}
	void TearDown() override
	{
		fixture_.world.run_until_idle();
		EXPECT_EQ(copied_, writers * writes_each);
		EXPECT_TRUE(fixture_.right(*other_));
		EXPECT_TRUE(merged_.frozen.matches_all([&](uint64_t sector, uint64_t count) {
			return merging_.read(sector, count);
		}));
		merging_.remove();
	}
	/* Now and again the disk receives as many reads as there are pages for. */
	void let_some_read()
	{
		fixture_.disk.release();
		if (copied_ == writers * writes_each)
			return;
		fixture_.disk.hold(Op::read);
		fixture_.world.complete_at(fixture_.world.now_ns() + a_while,
					   [this] { let_some_read(); });
	}
	void begin_copies()
	{
		let_some_read();
		for (uint64_t writer = 0; writer < writers; writer++)
			fixture_.world.spawn("writer", [this, writer] {
				for (uint64_t n = 0; n < writes_each; n++, copied_++) {
					uint64_t at = first + (writer * writes_each + n) * block;
					std::vector<uint8_t> data = fixture_.fresh(at, block);
					merged_.frozen.write(at, data);
					EXPECT_EQ(merging_.write(at, data), 0);
				}
			});
	}
	/* To a chunk that is being merged. */
	Mapped::Handle start_write()
	{
		std::vector<uint8_t> data = fixture_.fresh(0, 8);
		merged_.frozen.write(0, data);
		return merging_.start_write(0, data);
	}

	SnapshotFixture fixture_{sectors};
	SnapshotFixture::Snap &merged_ = fixture_.add("P 8", 4096);
	SnapshotFixture::Snap *other_ = nullptr;
	Mapped merging_{"merging"};
	uint64_t copied_ = 0;
};

TEST_F(MergeBesideCopies, a_write_that_waits_for_its_batch_does_not_wait_for_all_of_them)
{
	fixture_.disk.hold(Op::write);
	ASSERT_EQ(merging_.create(TargetType::merge, sectors, merged_.words), 0);
	fixture_.world.run_for(a_while);
	ASSERT_GT(fixture_.disk.held(), 0u);
	/* The chunk becomes dirty in each round; after eight the batch is blocked. */
	Mapped::Handle write;
	for (int round = 0; round <= 8; round++) {
		merged_.cow.hold(Op::write);
		write = start_write();
		fixture_.disk.release();
		fixture_.world.run_for(a_while);
		ASSERT_FALSE(write->done);
		if (round == 8)
			break;
		fixture_.disk.hold(Op::write);
		merged_.cow.release();
		fixture_.world.run_for(a_while);
		ASSERT_TRUE(write->done);
		ASSERT_GT(fixture_.disk.held(), 0u);
	}
	Mapped::Handle waits = start_write();
	begin_copies();
	fixture_.world.run_for(a_while / 2);
	merged_.cow.release();
	EXPECT_EQ(merging_.wait(waits), 0);
	EXPECT_TRUE(write->done);
	EXPECT_LT(copied_, writers * writes_each / 2);
}

TEST_F(MergeBesideCopies, a_suspend_does_not_wait_for_all_of_them)
{
	/* The claims, and then as many copies as there are pages, wait for the snapshot's device. */
	other_->cow.hold(Op::write);
	ASSERT_EQ(merging_.create(TargetType::merge, sectors, merged_.words), 0);
	fixture_.world.run_for(a_while);
	begin_copies();
	fixture_.world.run_for(4 * a_while);
	ASSERT_EQ(copied_, 0u);
	other_->cow.release();
	ASSERT_TRUE(fixture_.world.run_until([&] { return copied_ > 0; }));
	merging_.presuspend();
	EXPECT_LT(copied_, writers * writes_each / 2);
	merging_.suspend();
	ASSERT_EQ(merging_.resume(), 0);
}

/* I/O takes no time, so a bio may have ended whenever other code ran. */
TEST(MergeOrders, a_write_that_has_to_wait_may_end_before_its_map_is_over)
{
	for_seeds(200, [](uint64_t seed) {
		SnapshotFixture fixture(1024, {.order = user::Order::random, .seed = seed});
		fixture.world.add_device(
			{.name = "fast", .sectors = 4096, .latency_ns = 0, .flush_ns = 0});
		Device &cow = *fixture.world.find_device("fast");
		Mapped snapshot("snapshot");
		ASSERT_EQ(snapshot.create(TargetType::snapshot, 1024, "disk fast P 8"), 0);
		ASSERT_EQ(fixture.write(0, 800), 0);
		snapshot.remove();
		fixture.origin.remove();
		Mapped merging("merging");
		/* The list is uncertain and stays so: a write of its chunks waits, and fails. */
		cow.fail_range(Op::write, 0, 16);
		ASSERT_EQ(merging.create(TargetType::merge, 1024, "disk fast P 8"), 0);
		fixture.world.settle();
		ASSERT_EQ(merging.status(), "Merge failed");
		for (uint64_t n = 0; n < 8; n++)
			fixture.world.spawn("writer", [&, n] {
				EXPECT_EQ(merging.write(n * 8, fixture.fresh(n * 8, 8)), -5);
			});
		fixture.world.settle();
		/* No departed writer is still counted: the writes proceed when they can. */
		cow.clear_faults();
		merging.suspend();
		ASSERT_EQ(merging.resume(), 0);
		fixture.world.run_until_idle();
		EXPECT_EQ(merging.status(), "16/4096 16");
		merging.remove();
	});
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

/* What fails, on which device, and the resulting log line. */
struct Failing {
	const char *name;
	bool on_cow;
	Op op;
	uint64_t nth;
	const char *text;
};

class MergeFailure : public MergeTest, public testing::WithParamInterface<Failing> {};

TEST_P(MergeFailure, ends_the_merge_and_loses_nothing)
{
	const Failing &failing = GetParam();
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	write_random(snap, 1000);
	ASSERT_EQ(fixture_.write(8000, 4000), 0);
	snap.mapped.remove();
	fixture_.origin.remove();
	Device &device = failing.on_cow ? snap.cow : fixture_.disk;
	ASSERT_EQ(merging_.load(TargetType::merge, disk_sectors, snap.words), 0);
	device.reset_log();
	device.fail_nth(failing.op, failing.nth);
	ASSERT_EQ(merging_.resume(), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "Merge failed");
	EXPECT_EQ(merging_.events(), 1u);
	EXPECT_TRUE(fixture_.world.log_holds(failing.text)) << failing.text;

	/* Readable and writable, everywhere. */
	EXPECT_TRUE(shows(snap));
	for (uint64_t at = 0; at < disk_sectors; at += 1000) {
		std::vector<uint8_t> data = fixture_.fresh(at, 300);
		EXPECT_EQ(merging_.write(at, data), 0);
		snap.frozen.write(at, data);
	}
	EXPECT_TRUE(shows(snap));
	EXPECT_EQ(merging_.status(), "Merge failed");

	/* A resume continues it. */
	merging_.suspend();
	ASSERT_EQ(merging_.resume(), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "16/65536 16");
	EXPECT_EQ(merging_.events(), 2u);
	EXPECT_TRUE(merged(snap));
}

INSTANTIATE_TEST_SUITE_P(
	All, MergeFailure,
	testing::Values(Failing{"reading_the_list", true, Op::read, 1,
				"Read error in exception store: shutting down merge"},
			Failing{"reading_a_chunk", true, Op::read, 5,
				"Read error: shutting down merge."},
			Failing{"reading_in_a_later_batch", true, Op::read, 12,
				"Read error: shutting down merge."},
			Failing{"writing_to_the_origin", false, Op::write, 100,
				"Write error: shutting down merge."},
			Failing{"flushing_the_origin", false, Op::flush, 1,
				"Flush after merge failed: shutting down merge"},
			Failing{"flushing_later", false, Op::flush, 2,
				"Flush after merge failed: shutting down merge"},
			Failing{"cutting_the_list", true, Op::write, 1,
				"Write error in exception store: shutting down merge"},
			Failing{"cutting_later", true, Op::write, 2,
				"Write error in exception store: shutting down merge"}),
	[](const auto &failing) { return std::string(failing.param.name); });

TEST_F(MergeTest, a_write_of_an_uncertain_chunk_fails_while_the_list_cannot_be_written)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(fixture_.write(0, 800), 0);
	ASSERT_EQ(begin(snap), 0);
	snap.cow.fail_range(Op::write, 0, 16);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "Merge failed");
	EXPECT_EQ(merging_.write(0, fixture_.fresh(0, 8)), -5);
	EXPECT_EQ(merging_.write(8000, fixture_.fresh(8000, 8)), 0);
	snap.frozen.write(8000, Pattern{2, fixture_.generation}.make(8000, 8));
	EXPECT_TRUE(shows(snap));
	/* The device works again: the exceptions are put back before the write completes. */
	snap.cow.clear_faults();
	std::vector<uint8_t> data = fixture_.fresh(0, 8);
	EXPECT_EQ(merging_.write(0, data), 0);
	EXPECT_EQ(merging_.flush(), 0);
	snap.frozen.write(0, data);
	fixture_.world.crash({});
	merging_.remove();
	fixture_.world.power_on();
	ASSERT_EQ(merging_.create(TargetType::merge, disk_sectors, snap.words), 0);
	EXPECT_TRUE(shows(snap));
	fixture_.world.run_until_idle();
	EXPECT_TRUE(merged(snap));
}

TEST_F(MergeTest, a_list_that_does_not_agree_with_the_table_is_not_merged)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(fixture_.write(0, 800), 0);
	snap.mapped.remove();
	fixture_.origin.remove();
	ASSERT_EQ(merging_.load(TargetType::merge, disk_sectors, snap.words), 0);
	std::vector<uint8_t> block = snap.cow.peek(8, 1);
	block[0] ^= 0x55;
	snap.cow.poke(8, block);
	ASSERT_EQ(merging_.resume(), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "Merge failed");
	EXPECT_TRUE(fixture_.world.log_holds(
		"Corruption detected: exception for block 85 is on disk but not in memory"));
	EXPECT_TRUE(shows(snap));
}

TEST_F(MergeTest, what_a_merge_has_left_can_be_a_snapshot_again)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	write_random(snap, 1500);
	uint64_t used = std::stoull(snap.mapped.status());
	ASSERT_EQ(begin(snap), 0);
	while (std::stoull(merging_.status()) > 5000)
		ASSERT_TRUE(fixture_.world.step());
	merging_.suspend();
	/* The store is handed back; the origin has what was merged, so the view is the same. */
	ASSERT_EQ(snap.mapped.load(TargetType::snapshot, disk_sectors, snap.words), 0);
	ASSERT_EQ(snap.mapped.resume(), 0);
	merging_.remove();
	ASSERT_EQ(fixture_.origin.create(TargetType::origin, disk_sectors, "disk"), 0);
	EXPECT_TRUE(fixture_.right(snap));
	/* New chunks come after all that were in use, so as many are allocated again. */
	EXPECT_LT(std::stoull(snap.mapped.status()), used / 2);
	ASSERT_EQ(fixture_.write(0, disk_sectors / 2), 0);
	EXPECT_GT(std::stoull(snap.mapped.status()), used);
	/* Its list grows over what was removed, in several areas. */
	write_random(snap, 3000);
	ASSERT_EQ(fixture_.write(0, 6000), 0);
	EXPECT_TRUE(fixture_.right(snap));
	fixture_.crash();
	EXPECT_EQ(fixture_.snaps.size(), 1u);
	ASSERT_EQ(begin(snap), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "16/65536 16");
}

/* The table is handed to the merge and back, so it keeps the leaves that the merge emptied. */
TEST(MergeStopped, leaves_a_table_that_takes_runs_over_what_was_merged)
{
	constexpr uint64_t sectors = 49152;
	SnapshotFixture fixture(sectors);
	SnapshotFixture::Snap &snap = fixture.add("P 8", cow_sectors);
	for (uint64_t chunk = 0; chunk < 6000; chunk += 2)
		ASSERT_EQ(fixture.write(chunk * 8, 8), 0);
	/* Between two full leaves, so it gets a leaf of its own, a narrow one. */
	ASSERT_EQ(fixture.write(2031 * 8, 8), 0);

	Mapped merging("merging");
	ASSERT_EQ(merging.load(TargetType::merge, sectors, snap.words), 0);
	snap.mapped.suspend();
	fixture.origin.remove();
	ASSERT_EQ(merging.resume(), 0);
	snap.mapped.remove();
	ASSERT_EQ(merging.message({"merge", "rate", "1600"}), 0);
	while (std::stoull(merging.status()) > 800 * 8)
		ASSERT_TRUE(fixture.world.step());

	ASSERT_EQ(snap.mapped.load(TargetType::snapshot, sectors, snap.words), 0);
	merging.suspend();
	ASSERT_EQ(snap.mapped.resume(), 0);
	merging.remove();
	ASSERT_EQ(fixture.origin.create(TargetType::origin, sectors, "disk"), 0);
	EXPECT_TRUE(fixture.right(snap));
	ASSERT_EQ(fixture.write(2000 * 8, 800), 0);
	EXPECT_TRUE(fixture.right(snap));
	ASSERT_EQ(fixture.write(2000 * 8, 800), 0);
	EXPECT_TRUE(fixture.right(snap));
	fixture.crash();
	EXPECT_TRUE(fixture.right(snap));
}

TEST_F(MergeTest, dead_entries_in_an_area_of_one_block_are_gone_with_the_list)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 4", cow_sectors);
	ASSERT_EQ(fixture_.write(0, 4), 0);
	snap.mapped.remove();
	/* In slot 2; slot 1 ends the list. */
	std::vector<uint8_t> area = snap.cow.peek(4, 4);
	area[2 * 16] = 7;
	area[2 * 16 + 8] = 9;
	snap.cow.poke(4, area);
	ASSERT_EQ(begin(snap), 0);
	fixture_.world.run_until_idle();
	ASSERT_EQ(merging_.status(), "8/65536 8");
	merging_.suspend();
	ASSERT_EQ(snap.mapped.load(TargetType::snapshot, disk_sectors, snap.words), 0);
	ASSERT_EQ(snap.mapped.resume(), 0);
	merging_.remove();
	ASSERT_EQ(fixture_.origin.create(TargetType::origin, disk_sectors, "disk"), 0);
	ASSERT_EQ(fixture_.write(100, 4), 0);
	EXPECT_TRUE(fixture_.right(snap));
	fixture_.crash();
	EXPECT_TRUE(fixture_.right(snap));
}

/* A merge that failed to cut the list, although the write had its full effect. */
class UncertainList : public MergeTest {
protected:
	void SetUp() override
	{
		ASSERT_EQ(fixture_.write(0, 800), 0);
		ASSERT_EQ(begin(snap_), 0);
		snap_.cow.fail_nth(Op::write, 1);
		fixture_.world.run_until_idle();
		ASSERT_EQ(merging_.status(), "Merge failed");
		snap_.cow.poke(8, std::vector<uint8_t>(8 * 512));
	}
	/* The snapshot takes over the store from the merge, and the origin is an origin again. */
	void make_a_snapshot_again()
	{
		ASSERT_EQ(snap_.mapped.load(TargetType::snapshot, disk_sectors, snap_.words), 0);
		merging_.suspend();
		ASSERT_EQ(snap_.mapped.resume(), 0);
		merging_.remove();
		ASSERT_EQ(fixture_.origin.create(TargetType::origin, disk_sectors, "disk"), 0);
	}

	SnapshotFixture::Snap &snap_ = fixture_.add("P 8", cow_sectors);
};

TEST_F(UncertainList, is_put_back_before_a_snapshot_relies_on_it)
{
	make_a_snapshot_again();
	EXPECT_TRUE(fixture_.right(snap_));
	ASSERT_EQ(fixture_.write(0, 800), 0);
	ASSERT_EQ(fixture_.origin.flush(), 0);
	EXPECT_TRUE(fixture_.right(snap_));
	fixture_.crash();
	EXPECT_TRUE(fixture_.right(snap_));
}

TEST_F(UncertainList, that_cannot_be_put_back_costs_the_snapshot_its_validity)
{
	snap_.cow.fail_range(Op::write, 8, 8);
	make_a_snapshot_again();
	fixture_.world.run_until_idle();
	EXPECT_EQ(snap_.mapped.status(), "Invalid");
	ASSERT_EQ(fixture_.write(0, 800), 0);
	fixture_.crash();
	EXPECT_EQ(snap_.mapped.status(), "Invalid");
}

} // namespace
} // namespace dmsnap::test
