// SPDX-License-Identifier: GPL-2.0-only
/* Suspend, removal and handover of snapshots while writes wait for a larger COW device. */
#include <cerrno>

#include <gtest/gtest.h>

#include "unit/snapshot/stall_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Mapped;
using user::TargetType;

TEST_F(StallTest, a_suspend_of_the_origin_gets_the_reserve)
{
	auto &snap = add();
	fill();
	Mapped::Handle write = one_more();
	ASSERT_FALSE(done_in(write, seconds));
	suspend_and_grow(snap, write);
}

/* dm still accepts bios for some time after presuspend. */
TEST_F(StallTest, a_writer_beside_a_suspend_does_not_use_up_the_reserve)
{
	auto &snap = add();
	fill();
	Mapped::Handle write = one_more();
	ASSERT_FALSE(done_in(write, seconds));
	fixture_.origin.presuspend();
	for (unsigned int turn = 0; turn < 120; turn++) {
		if (write->done)
			write = one_more();
		fixture_.world.run_for(seconds / 200);
	}
	EXPECT_EQ(snap.mapped.status(), "496/512 16");
	suspend_and_grow(snap, write);
}

/* It does not wait for the next check of the device's length either. */
TEST_F(StallTest, a_writer_beside_a_suspend_gets_its_share_of_the_reserve_in_time)
{
	add();
	fill();
	Mapped::Handle write = one_more();
	ASSERT_FALSE(done_in(write, seconds));
	fixture_.origin.presuspend();
	EXPECT_FALSE(done_in(write, seconds / 5));
	/* One chunk of four in each quarter of a second. */
	EXPECT_TRUE(done_in(write, seconds / 10));
}

/* Later writes wait for a larger device again, and the reserve stays. */
TEST_F(StallTest, a_killed_suspend_keeps_the_rest_of_the_reserve)
{
	for (bool of_origin : {true, false}) {
		auto &snap = add();
		Mapped &mapped = of_origin ? fixture_.origin : snap.mapped;
		fill();
		Mapped::Handle write =
			of_origin ? one_more()
				  : snap.mapped.start_write(4000, fixture_.fresh(4000, 8));
		ASSERT_FALSE(done_in(write, seconds));
		fixture_.disk.hold(user::Op::read);
		Mapped::Handle read = mapped.start_read(3000, 8);
		int error = 0;
		fixture_.world.spawn("suspend", [&] { error = mapped.suspend(); });
		fixture_.world.run_for(5 * seconds);
		EXPECT_FALSE(mapped.suspended());
		fixture_.world.kill("suspend");
		fixture_.world.run_for(seconds);
		EXPECT_EQ(error, -EINTR);
		fixture_.disk.release();
		EXPECT_TRUE(done_in(read, seconds));
		EXPECT_TRUE(done_in(write, seconds));
		std::string status = snap.mapped.status();
		Mapped::Handle late = one_more();
		EXPECT_FALSE(done_in(late, 5 * seconds));
		EXPECT_EQ(snap.mapped.status(), status);
		snap.cow.resize(2 * cow_sectors);
		EXPECT_EQ(fixture_.origin.wait(late), 0);
		snap.mapped.remove();
	}
}

TEST_F(StallTest, a_suspend_with_more_to_write_than_the_reserve_ends_too)
{
	auto &snap = add();
	fill();
	std::vector<Mapped::Handle> writes;
	for (uint64_t n = 0; n <= reserve; n++)
		writes.push_back(one_more());
	ASSERT_FALSE(done_in(writes[0], seconds));
	uint64_t begun = fixture_.world.now_ns();
	fixture_.origin.suspend();
	EXPECT_LT(fixture_.world.now_ns() - begun, 2 * seconds);
	for (const Mapped::Handle &write : writes)
		EXPECT_TRUE(write->done && write->error == 0);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
}

TEST_F(StallTest, a_suspend_of_the_snapshot_gets_the_reserve)
{
	auto &snap = add();
	fill();
	std::vector<uint8_t> data = fixture_.fresh(2000, 8);
	Mapped::Handle write = snap.mapped.start_write(2000, data);
	Mapped::Handle origin_write = one_more();
	ASSERT_FALSE(done_in(write, seconds));
	uint64_t begun = fixture_.world.now_ns();
	snap.mapped.suspend();
	EXPECT_LT(fixture_.world.now_ns() - begun, seconds);
	EXPECT_TRUE(write->done);
	EXPECT_EQ(write->error, 0);
	snap.frozen.write(2000, data);
	/* Users of the origin wait again while the snapshot is suspended. */
	EXPECT_FALSE(done_in(origin_write, seconds));
	snap.cow.resize(2 * cow_sectors);
	ASSERT_EQ(snap.mapped.resume(), 0);
	EXPECT_EQ(fixture_.origin.wait(origin_write), 0);
	EXPECT_TRUE(fixture_.right(snap));
}

TEST_F(StallTest, a_snapshot_can_be_removed_and_origin_writes_proceed)
{
	auto &snap = add();
	fill();
	std::vector<Mapped::Handle> writes;
	for (uint64_t n = 0; n < 3 * reserve; n++)
		writes.push_back(one_more());
	ASSERT_FALSE(done_in(writes[0], seconds));
	snap.mapped.remove();
	for (const Mapped::Handle &write : writes)
		EXPECT_EQ(fixture_.origin.wait(write), 0);
}

TEST_F(StallTest, continues_in_a_handover)
{
	auto &snap = add("P 8");
	ASSERT_EQ(snap.mapped.message({"stall", "on"}), 0);
	fill();
	Mapped::Handle write = one_more();
	ASSERT_FALSE(done_in(write, seconds));
	ASSERT_EQ(snap.mapped.load(TargetType::snapshot, fixture_.sectors, snap.words), 0);
	ASSERT_EQ(snap.mapped.resume(), 0);
	Mapped::Handle another = one_more();
	EXPECT_FALSE(done_in(another, seconds));
	snap.cow.resize(2 * cow_sectors);
	EXPECT_EQ(fixture_.origin.wait(write), 0);
	EXPECT_EQ(fixture_.origin.wait(another), 0);
	EXPECT_TRUE(fixture_.right(snap));
}

/* When all I/O under way has ended none may start, but an invalidation would start some. */
TEST_F(StallTest, fails_no_snapshot_whose_store_is_being_handed_over)
{
	auto &snap = add();
	Mapped destination("destination");
	fill();
	Mapped::Handle write = one_more();
	ASSERT_FALSE(done_in(write, seconds / 10));
	snap.cow.hold(user::Op::read);
	fixture_.world.run_for(seconds);
	ASSERT_EQ(snap.cow.held(), 1u);
	ASSERT_EQ(destination.load(TargetType::snapshot, fixture_.sectors, snap.words), 0);
	snap.mapped.suspend();
	Mapped::Handle another = one_more();
	EXPECT_FALSE(done_in(another, seconds));
	bool resumed = false;
	fixture_.world.spawn("resume", [&] {
		EXPECT_EQ(destination.resume(), 0);
		resumed = true;
	});
	fixture_.world.run_for(seconds);
	ASSERT_FALSE(resumed);
	snap.cow.resize(0);
	fixture_.world.run_for(3 * seconds);
	EXPECT_FALSE(fixture_.world.log_holds("Invalidating snapshot"));
	snap.cow.release();
	fixture_.world.run_for(3 * seconds);
	EXPECT_TRUE(resumed);
	EXPECT_EQ(destination.status(), "Invalid");
	EXPECT_TRUE(write->done);
	EXPECT_TRUE(another->done);
}

} // namespace
} // namespace dmsnap::test
