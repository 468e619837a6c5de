// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages to a snapshot, and the events it raises.
 */
#include <cerrno>

#include <gtest/gtest.h>

#include "unit/snapshot/bench.hpp"

namespace dmsnap::test {
namespace {

using user::TargetType;

TEST(SnapshotMessage, that_is_none_is_refused)
{
	Bench bench;
	auto &snap = bench.add("P 8");
	EXPECT_EQ(snap.mapped.message({}), -EINVAL);
	EXPECT_EQ(snap.mapped.message({"nonsense"}), -EINVAL);
	EXPECT_EQ(snap.mapped.message({"low_water", "101"}), -EINVAL);
	EXPECT_EQ(snap.mapped.message({"merge", "pause"}), -EINVAL);
	EXPECT_TRUE(bench.right(snap));
}

TEST(SnapshotMessage, commit_makes_writes_durable_that_nobody_flushed)
{
	Bench bench;
	auto &snap = bench.add("P 8");
	ASSERT_EQ(bench.write(snap, 0, 8), 0);
	ASSERT_EQ(bench.write(snap, 100, 40), 0);
	std::string answer;
	ASSERT_EQ(snap.mapped.message({"commit"}, &answer), 0);
	/* Sectors 0 to 7, and 100 to 139: one chunk and six. */
	EXPECT_EQ(answer, "committed 7");
	bench.crash();
	EXPECT_TRUE(bench.right(snap));
}

TEST(SnapshotMessage, commit_makes_data_durable_that_needs_no_exception)
{
	Bench bench;
	auto &snap = bench.add("P 8");
	ASSERT_EQ(bench.write(snap, 0, 8), 0);
	ASSERT_EQ(snap.mapped.message({"commit"}), 0);
	ASSERT_EQ(bench.write(snap, 0, 8), 0);
	std::string answer;
	ASSERT_EQ(snap.mapped.message({"commit"}, &answer), 0);
	EXPECT_EQ(answer, "committed 1");
	bench.crash();
	EXPECT_TRUE(bench.right(snap));
}

TEST(SnapshotMessage, commit_says_that_it_failed)
{
	Bench bench;
	auto &snap = bench.add("P 8");
	ASSERT_EQ(bench.write(snap, 0, 8), 0);
	snap.cow.fail_range(user::Op::write, 0, 16384);
	EXPECT_EQ(snap.mapped.message({"commit"}), -EIO);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
	EXPECT_EQ(snap.mapped.message({"commit"}), -EIO);
	snap.cow.clear_faults();

	auto &other = bench.add("P 8");
	other.cow.fail_nth(user::Op::flush, 1);
	EXPECT_EQ(other.mapped.message({"commit"}), -EIO);
}

TEST(SnapshotMessage, commit_is_for_stores_that_stay)
{
	Bench bench;
	auto &snap = bench.add("N 8");
	EXPECT_EQ(snap.mapped.message({"commit"}), -EINVAL);
}

TEST(SnapshotMessage, low_water_raises_one_event_when_it_is_passed)
{
	Bench bench;
	auto &snap = bench.add("P 8", 1000);
	ASSERT_EQ(snap.mapped.message({"low_water", "50"}), 0);
	/* 16 sectors are in use; 61 chunks of 8 make it 504. */
	ASSERT_EQ(bench.write(0, 60 * 8), 0);
	EXPECT_EQ(snap.mapped.events(), 0u);
	ASSERT_EQ(bench.write(60 * 8, 8), 0);
	EXPECT_EQ(snap.mapped.events(), 1u);
	ASSERT_EQ(bench.write(61 * 8, 80), 0);
	EXPECT_EQ(snap.mapped.events(), 1u);

	/* The COW device has grown: less than the mark is in use, and it is passed again. */
	snap.cow.resize(2000);
	ASSERT_EQ(bench.write(71 * 8, 8), 0);
	EXPECT_EQ(snap.mapped.events(), 1u);
	ASSERT_EQ(bench.write(72 * 8, 60 * 8), 0);
	EXPECT_EQ(snap.mapped.events(), 2u);
	EXPECT_TRUE(bench.right(snap));
}

TEST(SnapshotMessage, low_water_that_comes_too_late_raises_an_event_at_once)
{
	Bench bench;
	auto &snap = bench.add("P 8", 1000);
	ASSERT_EQ(bench.write(0, 800), 0);
	ASSERT_EQ(snap.mapped.message({"low_water", "50"}), 0);
	bench.world.run_until_idle();
	EXPECT_EQ(snap.mapped.events(), 1u);
	ASSERT_EQ(snap.mapped.message({"low_water", "0"}), 0);
	ASSERT_EQ(bench.write(800, 80), 0);
	EXPECT_EQ(snap.mapped.events(), 1u);
}

TEST(SnapshotMessage, overflow_raises_an_event)
{
	Bench bench;
	auto &snap = bench.add("PO 8", 4 * 8);
	ASSERT_EQ(bench.write(snap, 0, 16), 0);
	EXPECT_EQ(snap.mapped.events(), 0u);
	EXPECT_NE(bench.write(snap, 64, 8), 0);
	bench.world.run_until_idle();
	EXPECT_EQ(snap.mapped.status(), "Overflow");
	EXPECT_EQ(snap.mapped.events(), 1u);
}

TEST(SnapshotMessage, in_flight_is_a_limit_of_one_snapshot)
{
	/* The most I/Os that are in flight to the COW device, with a limit and without. */
	for (const char *limit : {"1", "0"}) {
		Bench bench;
		auto &snap = bench.add("P 8");
		ASSERT_EQ(snap.mapped.message({"in_flight", limit}), 0);
		std::vector<user::Mapped::Handle> writes;
		for (uint64_t i = 0; i < 8; i++)
			writes.push_back(bench.start_write(i * 64, 8));
		unsigned long long allocated = 0;
		/* Taken before anything has ended. */
		ASSERT_EQ(std::sscanf(snap.mapped.status().c_str(), "%llu/", &allocated), 1);
		EXPECT_EQ(allocated, 16u + 8 * (limit[0] == '1' ? 2 : 8));
		for (auto &write : writes)
			EXPECT_EQ(bench.origin.wait(write), 0);
		EXPECT_TRUE(bench.right(snap));
	}
}

TEST(SnapshotMessage, commit_delay_says_how_long_a_write_may_go_unrecorded)
{
	Bench bench;
	auto &snap = bench.add("P 8");
	ASSERT_EQ(snap.mapped.message({"commit_delay", "50"}), 0);
	ASSERT_EQ(bench.write(snap, 0, 8), 0);
	uint64_t begun = bench.world.now_ns();
	bench.world.run_until_idle();
	uint64_t took_ms = (bench.world.now_ns() - begun) / 1000000;
	EXPECT_GE(took_ms, 50u);
	EXPECT_LT(took_ms, 200u);
	bench.crash();
	EXPECT_TRUE(bench.right(snap));
}

TEST(SnapshotMessage, knobs_go_along_in_a_handover)
{
	Bench bench;
	auto &snap = bench.add("P 8", 1000);
	ASSERT_EQ(snap.mapped.message({"low_water", "50"}), 0);
	ASSERT_EQ(snap.mapped.load(TargetType::snapshot, bench.sectors, snap.words), 0);
	snap.mapped.suspend();
	ASSERT_EQ(snap.mapped.resume(), 0);
	ASSERT_EQ(bench.write(0, 800), 0);
	EXPECT_EQ(snap.mapped.events(), 1u);
}

} // namespace
} // namespace dmsnap::test
