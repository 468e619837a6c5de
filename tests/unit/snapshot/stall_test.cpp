// SPDX-License-Identifier: GPL-2.0-only
/* A full COW device, with writes that wait for a larger one. */
#include <gtest/gtest.h>

#include "unit/snapshot/stall_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Mapped;
using user::TargetType;

TEST_F(StallTest, origin_writes_wait_and_proceed_when_the_device_has_grown)
{
	auto &snap = add();
	fill();
	Mapped::Handle first = one_more(), second = one_more();
	EXPECT_FALSE(done_in(first, 10 * seconds));
	EXPECT_FALSE(second->done);
	EXPECT_EQ(snap.mapped.events(), 1u);
	EXPECT_EQ(snap.mapped.status(), "480/512 16");
	EXPECT_TRUE(fixture_.world.log_holds("it is full, writes wait for a larger device"));

	snap.cow.resize(2 * cow_sectors);
	EXPECT_TRUE(done_in(first, seconds));
	EXPECT_EQ(first->error, 0);
	EXPECT_TRUE(second->done);
	EXPECT_EQ(snap.mapped.events(), 1u);
	EXPECT_TRUE(fixture_.right(snap));
	fixture_.crash();
	EXPECT_TRUE(fixture_.right(snap));
}

TEST_F(StallTest, writes_that_need_no_room_proceed)
{
	auto &snap = add();
	auto &other = fixture_.add("P 8", 4 * cow_sectors);
	fill();
	Mapped::Handle waits = one_more();
	ASSERT_FALSE(done_in(waits, seconds));
	/* Both snapshots have these chunks. */
	EXPECT_EQ(fixture_.write(8, 16), 0);
	EXPECT_EQ(fixture_.write(snap, 8, 16), 0);
	EXPECT_EQ(snap.mapped.flush(), 0);
	EXPECT_EQ(fixture_.write(other, 2000, 100), 0);
	EXPECT_TRUE(fixture_.right(snap));
	EXPECT_TRUE(fixture_.right(other));
	/* The full snapshot has these; only the new one lacks them. */
	auto &third = fixture_.add("P 8", 4 * cow_sectors);
	EXPECT_EQ(fixture_.write(16, 16), 0);
	EXPECT_TRUE(fixture_.right(third));
	EXPECT_FALSE(waits->done);
	snap.cow.resize(2 * cow_sectors);
	EXPECT_EQ(fixture_.origin.wait(waits), 0);
}

/* The write without room was checked for this snapshot only, and nothing is in flight. */
TEST_F(StallTest, a_waiting_write_does_not_delay_copies_for_another_snapshot)
{
	auto &snap = add();
	fill();
	Mapped::Handle waits = one_more();
	auto &other = fixture_.add("P 8", 4 * cow_sectors);
	Mapped::Handle write = fixture_.start_write(16, 16);
	EXPECT_TRUE(done_in(write, seconds / 100));
	EXPECT_TRUE(fixture_.right(other));
	EXPECT_FALSE(waits->done);
	snap.cow.resize(2 * cow_sectors);
	EXPECT_EQ(fixture_.origin.wait(waits), 0);
	EXPECT_TRUE(fixture_.right(snap));
}

TEST_F(StallTest, snapshot_writes_wait_too)
{
	for (const char *store : {"P 8 1 stall_on_full", "PO 8 1 STALL_ON_FULL"}) {
		auto &snap = add(store);
		ASSERT_EQ(fixture_.write(snap, 0, room * 8), 0);
		std::vector<uint8_t> data = fixture_.fresh(2000, 24);
		Mapped::Handle write = snap.mapped.start_write(2000, data);
		ASSERT_FALSE(done_in(write, 20 * seconds));
		EXPECT_EQ(snap.mapped.flush(), 0);
		EXPECT_EQ(fixture_.write(0, 64), 0);
		snap.cow.resize(2 * cow_sectors);
		EXPECT_EQ(snap.mapped.wait(write), 0);
		snap.frozen.write(2000, data);
		EXPECT_TRUE(fixture_.right(snap));
		snap.mapped.remove();
	}
}

TEST_F(StallTest, ends_after_a_time_and_then_the_snapshot_is_lost)
{
	auto &snap = add();
	fill();
	std::vector<Mapped::Handle> writes;
	for (uint64_t n = 0; n <= reserve; n++)
		writes.push_back(one_more());
	EXPECT_FALSE(done_in(writes[0], 59 * seconds));
	for (uint64_t n = 0; n <= reserve; n++) {
		EXPECT_TRUE(done_in(writes[n], 2 * seconds));
		EXPECT_EQ(writes[n]->error, 0);
	}
	EXPECT_EQ(snap.mapped.status(), "Invalid");
}

TEST_F(StallTest, that_has_ended_begins_again_when_there_was_room)
{
	auto &snap = add();
	fill();
	Mapped::Handle first = one_more();
	EXPECT_FALSE(done_in(first, 59 * seconds));
	EXPECT_TRUE(done_in(first, 2 * seconds));
	snap.cow.resize(cow_sectors + 8 * 8);
	for (int n = 0; n < 6; n++)
		EXPECT_EQ(fixture_.origin.wait(one_more()), 0);
	Mapped::Handle last = one_more();
	EXPECT_FALSE(done_in(last, 30 * seconds));
	EXPECT_TRUE(fixture_.right(snap));
	snap.cow.resize(2 * cow_sectors);
	EXPECT_EQ(fixture_.origin.wait(last), 0);
}

TEST_F(StallTest, has_no_limit_without_a_timeout)
{
	auto &snap = add();
	fixture_.world.no_space_timeout = 0;
	fill();
	Mapped::Handle write = one_more();
	EXPECT_FALSE(done_in(write, 100000 * seconds));
	snap.cow.resize(2 * cow_sectors);
	EXPECT_EQ(fixture_.origin.wait(write), 0);
	EXPECT_TRUE(fixture_.right(snap));
}

TEST_F(StallTest, a_po_snapshot_overflows_after_the_timeout)
{
	auto &snap = add("PO 8 1 stall_on_full");
	ASSERT_EQ(fixture_.write(snap, 0, room * 8), 0);
	std::vector<Mapped::Handle> writes;
	for (uint64_t n = 0; n <= reserve; n++)
		writes.push_back(
			snap.mapped.start_write(2000 + n * 8, fixture_.fresh(2000 + n * 8, 8)));
	EXPECT_FALSE(done_in(writes[0], 59 * seconds));
	EXPECT_TRUE(done_in(writes[0], 2 * seconds));
	EXPECT_EQ(writes[0]->error, 0);
	EXPECT_NE(writes[reserve]->error, 0);
	EXPECT_EQ(snap.mapped.status(), "Overflow");
}

TEST_F(StallTest, that_is_switched_off_is_over)
{
	auto &snap = add();
	EXPECT_EQ(snap.mapped.table(), "252:0 252:1 P 8 1 stall_on_full");
	fill();
	std::vector<Mapped::Handle> writes;
	for (uint64_t n = 0; n <= reserve; n++)
		writes.push_back(one_more());
	ASSERT_FALSE(done_in(writes[0], seconds));
	ASSERT_EQ(snap.mapped.message({"stall", "off"}), 0);
	EXPECT_TRUE(done_in(writes[reserve], seconds));
	EXPECT_EQ(snap.mapped.status(), "Invalid");
	/* The table line shows what was loaded and not what a message changed. */
	EXPECT_EQ(snap.mapped.table(), "252:0 252:1 P 8 1 stall_on_full");
}

TEST_F(StallTest, ends_when_the_snapshot_fails)
{
	auto &snap = add();
	ASSERT_EQ(fixture_.write(0, (room - 1) * 8), 0);
	ASSERT_EQ(fixture_.write(snap, 2000, 8), 0);
	Mapped::Handle write = one_more();
	ASSERT_FALSE(done_in(write, seconds / 10));
	/* The exception has not been recorded yet. */
	snap.cow.fail_range(user::Op::write, 8, 8);
	EXPECT_NE(snap.mapped.flush(), 0);
	/* At once, and not at the next check of the device's length. */
	EXPECT_TRUE(done_in(write, seconds / 100));
	EXPECT_EQ(write->error, 0);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
}

TEST_F(StallTest, chunks_that_are_free_below_others_are_room)
{
	auto &snap = add();
	ASSERT_EQ(fixture_.write(0, 8), 0);
	snap.mapped.remove();
	/* As after a crash: the only exception uses the third chunk from the end. */
	snap.cow.poke(61 * 8, snap.cow.peek(2 * 8, 8));
	std::vector<uint8_t> area = snap.cow.peek(8, 8);
	ASSERT_EQ(area[8], 2);
	area[8] = 61;
	snap.cow.poke(8, area);
	ASSERT_EQ(snap.mapped.create(TargetType::snapshot, fixture_.sectors, snap.words), 0);
	ASSERT_EQ(snap.mapped.status(), "496/512 16");

	/* One chunk, and as many more as there would be otherwise. */
	ASSERT_EQ(fixture_.write(8, (room - 1) * 8), 0);
	Mapped::Handle write = one_more();
	EXPECT_FALSE(done_in(write, 10 * seconds));
	/* The reserve is still there. */
	suspend_and_grow(snap, write);
}

TEST_F(StallTest, of_a_transient_store_is_refused)
{
	fixture_.world.add_device({.name = "other", .sectors = cow_sectors});
	Mapped snapshot("refused");
	EXPECT_NE(snapshot.create(TargetType::snapshot, 4096, "disk other N 8 1 stall_on_full"), 0);
	EXPECT_EQ(snapshot.error_text(), "stall_on_full needs a persistent store");
	auto &transient = fixture_.add("N 8", cow_sectors);
	EXPECT_NE(transient.mapped.message({"stall", "on"}), 0);
}

} // namespace
} // namespace dmsnap::test
