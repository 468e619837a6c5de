// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module parameters stall_on_full and low_water.  They decide what a snapshot does if neither
 * its table line nor a message does.
 */
#include <gtest/gtest.h>

#include "unit/snapshot/snapshot_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Mapped;
using user::TargetType;

/* 64 chunks: header, area, 58 of data, and a reserve of 4. */
constexpr uint64_t cow_sectors = 64 * 8;
constexpr uint64_t room = 58;

constexpr uint64_t seconds = 1'000'000'000;

class DefaultsTest : public testing::Test {
protected:
	SnapshotFixture::Snap &add(const std::string &store)
	{
		return fixture_.add(store, cow_sectors);
	}
	/* Does a write wait when only the reserve is left? */
	bool stalls(SnapshotFixture::Snap &snap)
	{
		EXPECT_EQ(fixture_.write(0, room * 8), 0);
		write_ = fixture_.start_write(2000, 8);
		fixture_.world.run_for(seconds);
		return !write_->done && snap.mapped.events() == 1;
	}
	void grow(SnapshotFixture::Snap &snap)
	{
		snap.cow.resize(2 * cow_sectors);
		EXPECT_EQ(fixture_.origin.wait(write_), 0);
		EXPECT_TRUE(fixture_.right(snap));
	}

	SnapshotFixture fixture_;
	Mapped::Handle write_;
};

TEST(Defaults, without_a_word_the_parameter_says_whether_writes_wait)
{
	for (const char *store : {"P 8", "PO 8"}) {
		SCOPED_TRACE(store);
		{
			SnapshotFixture fixture;
			auto &lost = fixture.add(store, cow_sectors);
			ASSERT_EQ(fixture.write(0, cow_sectors), 0);
			EXPECT_EQ(lost.mapped.status(), "Invalid");
		}
		SnapshotFixture fixture;
		fixture.world.stall_on_full = true;
		auto &snap = fixture.add(store, cow_sectors);
		std::string table = snap.mapped.table();
		EXPECT_EQ(table.find("stall"), std::string::npos);
		Mapped::Handle write = fixture.start_write(0, cow_sectors);
		fixture.world.run_for(seconds);
		EXPECT_FALSE(write->done);
		EXPECT_EQ(snap.mapped.table(), table);
		snap.cow.resize(2 * cow_sectors);
		EXPECT_EQ(fixture.origin.wait(write), 0);
		EXPECT_TRUE(fixture.right(snap));
	}
}

TEST_F(DefaultsTest, is_no_matter_of_what_does_not_outlive_a_restart)
{
	fixture_.world.stall_on_full = true;
	auto &snap = fixture_.add("N 8", cow_sectors);
	ASSERT_EQ(fixture_.write(0, 2 * cow_sectors), 0);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
}

TEST_F(DefaultsTest, a_table_may_say_that_writes_do_not_wait)
{
	fixture_.world.stall_on_full = true;
	auto &snap = add("P 8 1 no_stall_on_full");
	EXPECT_TRUE(snap.mapped.table().ends_with("P 8 1 no_stall_on_full"));
	EXPECT_FALSE(stalls(snap));
	EXPECT_TRUE(fixture_.right(snap));
	ASSERT_EQ(fixture_.write(1000, 8 * 8), 0);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
}

TEST_F(DefaultsTest, a_message_has_the_last_word)
{
	fixture_.world.stall_on_full = true;
	auto &off = add("P 8");
	ASSERT_EQ(off.mapped.message({"stall", "off"}), 0);
	EXPECT_FALSE(stalls(off));
	off.mapped.remove();

	auto &on = add("P 8 1 no_stall_on_full");
	ASSERT_EQ(on.mapped.message({"stall", "on"}), 0);
	ASSERT_EQ(fixture_.write(0, room * 8), 0);
	write_ = fixture_.start_write(3000, 8);
	fixture_.world.run_for(seconds);
	EXPECT_FALSE(write_->done);
	grow(on);
}

TEST_F(DefaultsTest, the_parameter_holds_for_snapshots_that_are_there)
{
	auto &snap = add("P 8");
	fixture_.world.stall_on_full = true;
	ASSERT_TRUE(stalls(snap));
	/* Waiting writes proceed, and use the device up to its end. */
	fixture_.world.stall_on_full = false;
	fixture_.world.run_for(seconds);
	EXPECT_TRUE(write_->done);
	EXPECT_TRUE(fixture_.right(snap));
	fixture_.world.stall_on_full = true;
	write_ = fixture_.start_write(3000, 8);
	fixture_.world.run_for(seconds);
	EXPECT_FALSE(write_->done);
	grow(snap);
}

/* LVM2 loads the same table again after it has extended the COW device. */
TEST_F(DefaultsTest, a_stall_by_default_outlives_a_handover)
{
	fixture_.world.stall_on_full = true;
	auto &snap = add("P 8");
	ASSERT_TRUE(stalls(snap));
	ASSERT_EQ(snap.mapped.load(TargetType::snapshot, fixture_.sectors, snap.words), 0);
	snap.mapped.suspend();
	fixture_.origin.suspend();
	snap.cow.resize(2 * cow_sectors);
	ASSERT_EQ(snap.mapped.resume(), 0);
	ASSERT_EQ(fixture_.origin.resume(), 0);
	EXPECT_EQ(fixture_.origin.wait(write_), 0);
	EXPECT_TRUE(fixture_.right(snap));
	write_ = fixture_.start_write(2048, 100 * 8);
	fixture_.world.run_for(seconds);
	EXPECT_FALSE(write_->done);
	snap.cow.resize(4 * cow_sectors);
	EXPECT_EQ(fixture_.origin.wait(write_), 0);
	EXPECT_TRUE(fixture_.right(snap));
}

TEST_F(DefaultsTest, low_water_is_the_parameter_until_a_message_says_it)
{
	fixture_.world.low_water = 50;
	auto &snap = fixture_.add("P 8", 1000);
	auto &told = fixture_.add("P 8", 1000);
	auto &quiet = fixture_.add("N 8", 1000);
	ASSERT_EQ(told.mapped.message({"low_water", "90"}), 0);
	ASSERT_EQ(quiet.mapped.message({"low_water", "0"}), 0);
	/* 16 sectors are in use; 61 chunks of 8 make 504. */
	ASSERT_EQ(fixture_.write(0, 60 * 8), 0);
	EXPECT_EQ(snap.mapped.events(), 0u);
	ASSERT_EQ(fixture_.write(60 * 8, 8), 0);
	EXPECT_EQ(snap.mapped.events(), 1u);
	ASSERT_EQ(fixture_.write(61 * 8, 80), 0);
	EXPECT_EQ(snap.mapped.events(), 1u);
	EXPECT_EQ(told.mapped.events(), 0u);
	EXPECT_EQ(quiet.mapped.events(), 0u);

	/* Off and on again: the next chunk raises an event. */
	fixture_.world.low_water = 0;
	ASSERT_EQ(fixture_.write(71 * 8, 8), 0);
	EXPECT_EQ(snap.mapped.events(), 1u);
	fixture_.world.low_water = 60;
	ASSERT_EQ(fixture_.write(72 * 8, 8), 0);
	EXPECT_EQ(snap.mapped.events(), 2u);
}

TEST_F(DefaultsTest, stats_tell_what_holds)
{
	auto &snap = add("P 8");
	auto says = [&snap](const std::string &line) {
		std::string answer;
		EXPECT_EQ(snap.mapped.message({"stats"}, &answer), 0);
		return answer.find("\n" + line + "\n") != std::string::npos;
	};
	EXPECT_TRUE(says("stall_on_full 0") && says("low_water 0"));
	fixture_.world.stall_on_full = true;
	fixture_.world.low_water = 80;
	EXPECT_TRUE(says("stall_on_full 1") && says("low_water 80"));
	ASSERT_EQ(snap.mapped.message({"stall", "off"}), 0);
	ASSERT_EQ(snap.mapped.message({"low_water", "0"}), 0);
	EXPECT_TRUE(says("stall_on_full 0") && says("low_water 0"));
}

} // namespace
} // namespace dmsnap::test
