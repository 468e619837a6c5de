// SPDX-License-Identifier: GPL-2.0-only
/* Copies ahead of a stream of origin writes: what they save, and that others pay nothing. */
#include <gtest/gtest.h>

#include "unit/snapshot/snapshot_fixture.hpp"
#include "user/memory.hpp"

namespace dmsnap::test {
namespace {

using user::Device;
using user::Op;

constexpr uint64_t disk_sectors = 65536;
/* Large enough for copies ahead. */
constexpr uint64_t cow_sectors = 262144;

struct AheadFixture : SnapshotFixture {
	explicit AheadFixture(uint64_t of_disk = disk_sectors) : SnapshotFixture(of_disk)
	{
		world.copy_ahead = 1024;
	}

	Snap &add_large(const std::string &store = "P 8") { return add(store, cow_sectors); }

	/* Sequential writes, one at a time. */
	void write_stream(uint64_t sector, uint64_t count, uint64_t step = 8)
	{
		for (uint64_t at = sector; at < sector + count; at += step)
			ASSERT_EQ(write(at, step), 0);
	}

	uint64_t stat(Snap &snap, const std::string &name)
	{
		std::string answer;
		EXPECT_EQ(snap.mapped.message({"stats"}, &answer), 0);
		size_t at = answer.find("\n" + name + " ");
		EXPECT_NE(at, std::string::npos) << name;
		return std::stoull(answer.substr(at + name.size() + 2));
	}

	testing::AssertionResult all_right()
	{
		for (auto &snap : snaps) {
			if (auto result = right(*snap); !result)
				return result;
		}
		return testing::AssertionSuccess();
	}
};

TEST(CopyAhead, a_stream_pays_for_few_copies)
{
	AheadFixture fixture;
	auto &snap = fixture.add_large();
	fixture.write_stream(0, 8192);
	/* For 1024 writes. */
	EXPECT_LT(snap.cow.counters().fua_writes, 60u);
	EXPECT_LT(fixture.disk.counters().reads, 60u);
	EXPECT_GT(fixture.stat(snap, "ahead_chunks"), 900u);
	EXPECT_TRUE(fixture.all_right());
	fixture.crash();
	EXPECT_TRUE(fixture.all_right());
}

TEST(CopyAhead, one_read_serves_all_snapshots)
{
	AheadFixture fixture;
	for (const char *store : {"P 8", "P 8", "P 32", "N 16"})
		fixture.add_large(store);
	fixture.write_stream(0, 4096);
	EXPECT_LE(fixture.disk.counters().read_sectors, 4096u * 2);
	for (auto &snap : fixture.snaps)
		EXPECT_LT(snap->cow.counters().writes, 150u) << snap->words;
	EXPECT_TRUE(fixture.all_right());
}

TEST(CopyAhead, of_chunks_larger_than_the_writes)
{
	AheadFixture fixture;
	auto &snap = fixture.add_large("P 128");
	fixture.write_stream(0, 16384);
	/* For 128 chunks. */
	EXPECT_LT(snap.cow.counters().fua_writes, 40u);
	EXPECT_TRUE(fixture.all_right());
}

TEST(CopyAhead, is_off_by_message_and_by_parameter)
{
	AheadFixture fixture;
	auto &snap = fixture.add_large();
	ASSERT_EQ(snap.mapped.message({"copy_ahead", "off"}), 0);
	fixture.write_stream(0, 1024);
	EXPECT_EQ(fixture.stat(snap, "ahead_chunks"), 0u);
	fixture.world.copy_ahead = 0;
	ASSERT_EQ(snap.mapped.message({"copy_ahead", "64"}), 0);
	fixture.write_stream(1024, 1024);
	EXPECT_GT(fixture.stat(snap, "ahead_chunks"), 0u);
	/* Not beyond the limit of the message. */
	EXPECT_LE(fixture.stat(snap, "origin_ahead_unwritten_sectors"), 256u);
}

TEST(CopyAhead, one_snapshot_that_wants_none_is_enough)
{
	AheadFixture fixture;
	auto &snap = fixture.add_large();
	auto &other = fixture.add_large();
	ASSERT_EQ(other.mapped.message({"copy_ahead", "off"}), 0);
	fixture.write_stream(0, 1024);
	EXPECT_EQ(fixture.stat(snap, "ahead_chunks"), 0u);
	EXPECT_TRUE(fixture.all_right());
}

TEST(CopyAhead, spends_nothing_of_a_small_device)
{
	AheadFixture fixture;
	auto &snap = fixture.add("P 8", 131064);
	fixture.write_stream(0, 1024);
	EXPECT_EQ(fixture.stat(snap, "ahead_chunks"), 0u);
	EXPECT_TRUE(fixture.all_right());
}

/* The small snapshot has the chunk at which the guess begins, and lacks others. */
TEST(CopyAhead, takes_no_chunk_of_a_snapshot_that_has_no_room_for_it)
{
	AheadFixture fixture;
	auto &small = fixture.add("P 8", 65536);
	for (uint64_t at = 32; at < 2048; at += 64)
		ASSERT_EQ(fixture.write(at, 8), 0);
	auto &large = fixture.add_large();
	fixture.write_stream(0, 32);
	fixture.world.run_until_idle();
	EXPECT_GT(fixture.stat(large, "ahead_chunks"), 0u);
	EXPECT_EQ(fixture.stat(small, "ahead_chunks"), 0u);
	fixture.write_stream(32, 1024);
	EXPECT_EQ(fixture.stat(small, "ahead_chunks"), 0u);
	EXPECT_TRUE(fixture.all_right());
}

TEST(CopyAhead, one_that_is_invalid_has_no_say)
{
	AheadFixture fixture;
	auto &snap = fixture.add_large();
	auto &lost = fixture.add_large();
	ASSERT_EQ(lost.mapped.message({"copy_ahead", "off"}), 0);
	lost.cow.fail_range(Op::write, 0, cow_sectors);
	fixture.write_stream(0, 8);
	fixture.world.run_until_idle();
	ASSERT_EQ(lost.mapped.status(), "Invalid");
	fixture.write_stream(8, 256);
	EXPECT_GT(fixture.stat(snap, "ahead_chunks"), 0u);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(CopyAhead, leaves_the_last_quarter_of_a_device_to_writes)
{
	AheadFixture fixture(131072);
	auto &snap = fixture.add("P 8", 131072);
	ASSERT_EQ(fixture.write(snap, 0, 97280), 0);
	fixture.write_stream(97280, 512);
	const uint64_t before = fixture.stat(snap, "ahead_chunks");
	EXPECT_GT(before, 0u);
	ASSERT_EQ(fixture.write(snap, 106496, 1024), 0);
	fixture.write_stream(114688, 512);
	EXPECT_EQ(fixture.stat(snap, "ahead_chunks"), before);
	EXPECT_TRUE(fixture.all_right());
}

TEST(CopyAhead, wastes_no_more_than_a_hundredth_of_the_device)
{
	AheadFixture fixture;
	auto &snap = fixture.add("P 8", 131072);
	/* Each stream ends after 16 KiB, so each guess is wrong. */
	for (uint64_t n = 0; n < 300; n++)
		fixture.write_stream(n * 208, 32);
	uint64_t ahead = fixture.stat(snap, "origin_ahead_sectors");
	EXPECT_GT(ahead, 1000u);
	EXPECT_LE(fixture.stat(snap, "origin_ahead_unwritten_sectors"), 1310u);
	EXPECT_TRUE(fixture.all_right());
}

TEST(CopyAhead, large_writes_and_random_ones_have_none)
{
	AheadFixture fixture;
	auto &snap = fixture.add_large();
	fixture.write_stream(0, 8192, 256);
	for (uint64_t n = 0; n < 500; n++)
		ASSERT_EQ(fixture.write(16384 + n * 7919 % 6000 * 8, 8), 0);
	EXPECT_EQ(fixture.stat(snap, "ahead_chunks"), 0u);
	EXPECT_EQ(fixture.stat(snap, "origin_ahead_sectors"), 0u);
}

/* No write needs a chunk that was only guessed. */
TEST(CopyAhead, that_fails_costs_no_snapshot_its_life)
{
	for (Op op : {Op::read, Op::write}) {
		AheadFixture fixture;
		auto &snap = fixture.add_large();
		fixture.write_stream(0, 24);
		if (op == Op::read)
			fixture.disk.fail_range(op, 40, 8);
		else
			snap.cow.fail_range(op, 48, 400);
		ASSERT_EQ(fixture.write(24, 8), 0);
		fixture.world.run_until_idle();
		EXPECT_NE(snap.mapped.status(), "Invalid");
		EXPECT_EQ(fixture.stat(snap, "ahead_chunks"), 0u);
		fixture.disk.clear_faults();
		snap.cow.clear_faults();
		fixture.write_stream(32, 512);
		EXPECT_TRUE(fixture.all_right());
		fixture.crash();
		EXPECT_TRUE(fixture.all_right());
	}
}

TEST(CopyAhead, a_write_waits_for_the_one_that_copies_its_chunk)
{
	AheadFixture fixture;
	auto &snap = fixture.add_large();
	fixture.write_stream(0, 24);
	auto last = fixture.start_write(24, 8);
	while (fixture.stat(snap, "origin_ahead_sectors") == 0)
		ASSERT_TRUE(fixture.world.step());
	snap.cow.hang();
	auto next = fixture.start_write(40, 8);
	fixture.world.run_until_idle();
	EXPECT_FALSE(next->done);
	snap.cow.wake_up();
	fixture.world.run_until_idle();
	EXPECT_TRUE(next->done);
	EXPECT_TRUE(last->done);
	EXPECT_TRUE(fixture.all_right());
}

TEST(CopyAhead, none_begins_while_a_target_is_being_suspended)
{
	AheadFixture fixture;
	auto &snap = fixture.add_large();
	fixture.write_stream(0, 64);
	const uint64_t before = fixture.stat(snap, "origin_ahead_sectors");
	EXPECT_GT(before, 0u);
	fixture.origin.presuspend();
	fixture.write_stream(64, 256);
	EXPECT_EQ(fixture.stat(snap, "origin_ahead_sectors"), before);
	ASSERT_EQ(fixture.origin.suspend(), 0);
	ASSERT_EQ(fixture.origin.resume(), 0);
	fixture.write_stream(320, 256);
	EXPECT_GT(fixture.stat(snap, "origin_ahead_sectors"), before);
	EXPECT_TRUE(fixture.all_right());
}

TEST(CopyAhead, comes_after_all_other_copies)
{
	AheadFixture fixture;
	auto &snap = fixture.add_large();
	fixture.write_stream(0, 64);
	const uint64_t before = fixture.stat(snap, "origin_ahead_sectors");
	EXPECT_GT(before, 0u);
	fixture.disk.hang();
	std::vector<user::Mapped::Handle> writes;
	for (uint64_t at = 32768; at < 43008; at += 2048)
		writes.push_back(fixture.start_write(at, 2048));
	fixture.world.run_until_idle();
	for (uint64_t at = 64; at < 128; at += 8)
		writes.push_back(fixture.start_write(at, 8));
	fixture.world.run_until_idle();
	EXPECT_EQ(fixture.stat(snap, "origin_ahead_sectors"), before);
	fixture.disk.wake_up();
	for (auto &write : writes)
		EXPECT_EQ(fixture.origin.wait(write), 0);
	EXPECT_TRUE(fixture.all_right());
}

TEST(CopyAhead, there_is_none_while_copies_are_throttled)
{
	AheadFixture fixture;
	auto &snap = fixture.add_large();
	fixture.world.copy_throttle = 50;
	fixture.write_stream(0, 512);
	EXPECT_EQ(fixture.stat(snap, "origin_ahead_sectors"), 0u);
	fixture.world.copy_throttle = 100;
	fixture.write_stream(512, 512);
	EXPECT_GT(fixture.stat(snap, "origin_ahead_sectors"), 0u);
}

TEST(CopyAhead, without_memory_there_is_none_and_nothing_fails)
{
	AheadFixture fixture;
	auto &snap = fixture.add_large();
	fixture.write_stream(0, 24);
	user::Memory::instance().fail_nowait_from(0);
	fixture.write_stream(24, 256);
	user::Memory::instance().fail_nothing();
	EXPECT_NE(snap.mapped.status(), "Invalid");
	EXPECT_TRUE(fixture.all_right());
}

/* Each gap is a separate copy, and they must not all start under the lock at once. */
TEST(CopyAhead, takes_a_few_gaps_at_a_time)
{
	AheadFixture fixture;
	auto &snap = fixture.add_large();
	fixture.write_stream(0, 1024);
	for (uint64_t at = 2048; at < 16384; at += 16)
		ASSERT_EQ(fixture.write(snap, at, 8), 0);
	const uint64_t before = fixture.stat(snap, "ahead_chunks");
	fixture.disk.hold(Op::read);
	uint64_t at = 1024;
	size_t most = 0;
	for (size_t reads = 0; most <= 4 && at < 1900; at += 8) {
		ASSERT_EQ(fixture.write(at, 8), 0);
		fixture.world.run_until_idle();
		most = std::max(most,
				fixture.disk.held() - std::exchange(reads, fixture.disk.held()));
	}
	EXPECT_GT(most, 4u);
	EXPECT_LE(most, 16u);
	fixture.disk.release();
	fixture.write_stream(at, 16384 - at);
	EXPECT_GT(fixture.stat(snap, "ahead_chunks"), before + 500);
	EXPECT_TRUE(fixture.all_right());
}

TEST(CopyAhead, continues_after_a_handover)
{
	AheadFixture fixture;
	auto &snap = fixture.add_large();
	ASSERT_EQ(snap.mapped.message({"copy_ahead", "64"}), 0);
	fixture.write_stream(0, 512);
	ASSERT_EQ(snap.mapped.load(user::TargetType::snapshot, disk_sectors, snap.words), 0);
	ASSERT_EQ(snap.mapped.suspend(), 0);
	ASSERT_EQ(snap.mapped.resume(), 0);
	fixture.write_stream(512, 1024);
	EXPECT_LE(fixture.stat(snap, "origin_ahead_unwritten_sectors"), 256u);
	EXPECT_TRUE(fixture.all_right());
}

} // namespace
} // namespace dmsnap::test
