// SPDX-License-Identifier: GPL-2.0-only
/*
 * A COW device without room, where writes wait for a larger one.
 */
#include <cerrno>

#include <gtest/gtest.h>

#include "unit/snapshot/snapshot_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Mapped;
using user::TargetType;

/* 64 chunks: header, area, 58 of data, and a reserve of 4. */
constexpr uint64_t cow_sectors = 64 * 8;
constexpr uint64_t room = 58;
constexpr uint64_t reserve = 4;

constexpr uint64_t seconds = 1'000'000'000;

class StallTest : public testing::Test {
protected:
	SnapshotFixture::Snap &add(const std::string &store = "P 8 1 stall_on_full")
	{
		return fixture_.add(store, cow_sectors);
	}
	/* Uses all room except the reserve. */
	void fill() { ASSERT_EQ(fixture_.write(0, room * 8), 0); }
	/* A write of a chunk that was never written before. */
	Mapped::Handle one_more()
	{
		next_ -= 8;
		return fixture_.start_write(next_, 8);
	}
	bool done_in(const Mapped::Handle &request, uint64_t time)
	{
		fixture_.world.run_for(time);
		return request->done;
	}

	/* As in LVM2: @write ends with the suspend, and the snapshot is right afterwards. */
	void suspend_and_grow(SnapshotFixture::Snap &snap, const Mapped::Handle &write)
	{
		uint64_t begun = fixture_.world.now_ns();
		fixture_.origin.suspend();
		EXPECT_LT(fixture_.world.now_ns() - begun, seconds);
		EXPECT_TRUE(write->done);
		EXPECT_EQ(write->error, 0);
		snap.cow.resize(2 * cow_sectors);
		ASSERT_EQ(fixture_.origin.resume(), 0);
		EXPECT_EQ(fixture_.write(2000, 40), 0);
		EXPECT_TRUE(fixture_.right(snap));
	}

	SnapshotFixture fixture_;
	uint64_t next_ = 4096;
};

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
	/* Both snapshots have these. */
	EXPECT_EQ(fixture_.write(8, 16), 0);
	EXPECT_EQ(fixture_.write(snap, 8, 16), 0);
	EXPECT_EQ(snap.mapped.flush(), 0);
	EXPECT_EQ(fixture_.write(other, 2000, 100), 0);
	EXPECT_TRUE(fixture_.right(snap));
	EXPECT_TRUE(fixture_.right(other));
	/* The full one has these, only the new one lacks them. */
	auto &third = fixture_.add("P 8", 4 * cow_sectors);
	EXPECT_EQ(fixture_.write(16, 16), 0);
	EXPECT_TRUE(fixture_.right(third));
	EXPECT_FALSE(waits->done);
	snap.cow.resize(2 * cow_sectors);
	EXPECT_EQ(fixture_.origin.wait(waits), 0);
}

/* The write that found no room was examined for this snapshot only, and nothing is in flight. */
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

TEST_F(StallTest, a_suspend_of_the_origin_gets_the_reserve)
{
	auto &snap = add();
	fill();
	Mapped::Handle write = one_more();
	ASSERT_FALSE(done_in(write, seconds));
	suspend_and_grow(snap, write);
}

/* dm stops accepting bios only some time after presuspend. */
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

/* Nor does it wait for the next check of the device's length. */
TEST_F(StallTest, a_writer_beside_a_suspend_gets_its_share_of_the_reserve_in_time)
{
	add();
	fill();
	Mapped::Handle write = one_more();
	ASSERT_FALSE(done_in(write, seconds));
	fixture_.origin.presuspend();
	EXPECT_FALSE(done_in(write, seconds / 5));
	/* One of four chunks in each quarter of the second. */
	EXPECT_TRUE(done_in(write, seconds / 10));
}

/* Later writes wait for a larger device again, and the reserve remains. */
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
	/* The origin's users wait again while the snapshot is suspended. */
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

/* Once all that was under way has ended, nothing may begin: an invalidation would. */
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
	/* The table line shows what was loaded, not what a message set. */
	EXPECT_EQ(snap.mapped.table(), "252:0 252:1 P 8 1 stall_on_full");
}

TEST_F(StallTest, ends_when_the_snapshot_fails)
{
	auto &snap = add();
	ASSERT_EQ(fixture_.write(0, (room - 1) * 8), 0);
	ASSERT_EQ(fixture_.write(snap, 2000, 8), 0);
	Mapped::Handle write = one_more();
	ASSERT_FALSE(done_in(write, seconds / 10));
	/* Its exception has yet to be recorded. */
	snap.cow.fail_range(user::Op::write, 8, 8);
	EXPECT_NE(snap.mapped.flush(), 0);
	/* At once, not at the next check of the device. */
	EXPECT_TRUE(done_in(write, seconds / 100));
	EXPECT_EQ(write->error, 0);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
}

/* Unplugged, a device has no length; one that was made shorter has lost chunks in use. */
TEST_F(StallTest, a_device_that_has_lost_chunks_in_use_is_not_full_but_has_failed)
{
	fixture_.world.no_space_timeout = 0;
	uint64_t at = 0;
	for (uint64_t left : {0ul, 8ul, cow_sectors / 2}) {
		for (bool stalled : {false, true}) {
			SCOPED_TRACE(left);
			SCOPED_TRACE(stalled);
			auto &snap = add();
			/* Each time chunks that no snapshot has. */
			ASSERT_EQ(fixture_.write(at, (room - !stalled) * 8), 0);
			at += room * 8;
			Mapped::Handle write;
			if (stalled) {
				write = one_more();
				ASSERT_FALSE(done_in(write, seconds));
			}
			snap.cow.resize(left);
			if (!stalled)
				write = one_more();
			EXPECT_TRUE(done_in(write, seconds));
			EXPECT_EQ(write->error, 0);
			EXPECT_EQ(snap.mapped.status(), "Invalid");
			std::string stats;
			ASSERT_EQ(snap.mapped.message({"stats"}, &stats), 0);
			EXPECT_NE(stats.find("\ninvalid_reason an I/O error\n"), stats.npos);
			snap.mapped.remove();
		}
	}
}

/* A dm-linear device keeps its length when the disk below it is pulled out. */
TEST_F(StallTest, a_device_that_fails_at_its_old_length_ends_it)
{
	fixture_.world.no_space_timeout = 0;
	auto &snap = add();
	fill();
	Mapped::Handle write = one_more();
	ASSERT_FALSE(done_in(write, 3 * seconds));
	snap.cow.fail_range(user::Op::read, 0, cow_sectors);
	snap.cow.fail_range(user::Op::write, 0, cow_sectors);
	EXPECT_TRUE(done_in(write, seconds));
	EXPECT_EQ(write->error, 0);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
}

TEST_F(StallTest, a_device_that_hangs_is_read_once)
{
	fixture_.world.no_space_timeout = 0;
	auto &snap = add();
	auto &other = fixture_.add("P 8");
	fill();
	snap.cow.reset_log();
	snap.cow.hold_all();
	Mapped::Handle write = one_more();
	ASSERT_FALSE(done_in(write, 5 * seconds));
	EXPECT_EQ(snap.cow.held(), 1u);
	EXPECT_EQ(fixture_.write(other, 2000, 8), 0);
	/* What was asked has to be answered before the device is closed. */
	bool removed = false;
	fixture_.world.spawn("removal", [&] {
		snap.mapped.remove();
		removed = true;
	});
	EXPECT_TRUE(done_in(write, seconds));
	EXPECT_FALSE(removed);
	snap.cow.release();
	fixture_.world.settle();
	EXPECT_TRUE(removed);
	EXPECT_TRUE(fixture_.right(other));
}

TEST_F(StallTest, a_device_that_is_gone_is_no_overflow)
{
	auto &snap = add("PO 8 1 stall_on_full");
	ASSERT_EQ(fixture_.write(snap, 0, 8), 0);
	snap.cow.resize(0);
	EXPECT_NE(fixture_.write(snap, 2000, 8), 0);
	fixture_.world.settle();
	EXPECT_EQ(snap.mapped.status(), "Invalid");
	EXPECT_FALSE(fixture_.world.log_holds("Snapshot overflowed"));
	EXPECT_FALSE(fixture_.world.log_holds("it is full"));
	EXPECT_EQ(fixture_.write(0, 4096), 0);
}

/* The origin's writes need only the remaining part of the device. */
TEST_F(StallTest, a_device_shortened_after_the_last_used_chunk_still_stalls)
{
	auto &snap = add();
	ASSERT_EQ(fixture_.write(0, 20 * 8), 0);
	snap.cow.resize(32 * 8);
	/* 30 chunks of data, a reserve of 2. */
	ASSERT_EQ(fixture_.write(20 * 8, 8 * 8), 0);
	Mapped::Handle write = one_more();
	EXPECT_FALSE(done_in(write, seconds));
	snap.cow.resize(cow_sectors);
	EXPECT_EQ(fixture_.origin.wait(write), 0);
	EXPECT_TRUE(fixture_.right(snap));
}

TEST_F(StallTest, chunks_that_are_free_below_others_are_room)
{
	auto &snap = add();
	ASSERT_EQ(fixture_.write(0, 8), 0);
	snap.mapped.remove();
	/* As after a crash: the only exception is in the third chunk from the end. */
	snap.cow.poke(61 * 8, snap.cow.peek(2 * 8, 8));
	std::vector<uint8_t> area = snap.cow.peek(8, 8);
	ASSERT_EQ(area[8], 2);
	area[8] = 61;
	snap.cow.poke(8, area);
	ASSERT_EQ(snap.mapped.create(TargetType::snapshot, fixture_.sectors, snap.words), 0);
	ASSERT_EQ(snap.mapped.status(), "496/512 16");

	/* One chunk, and as many more as without it. */
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

/* It reports merged chunks as free, but does not allocate them again. */
TEST_F(StallTest, ends_after_a_time_in_what_was_a_merge)
{
	auto &snap = add("P 8");
	ASSERT_EQ(fixture_.write(snap, 0, (room + reserve) * 8), 0);
	ASSERT_EQ(snap.mapped.flush(), 0);
	snap.mapped.remove();
	ASSERT_EQ(fixture_.origin.load(TargetType::merge, fixture_.sectors, snap.words), 0);
	ASSERT_EQ(fixture_.origin.resume(), 0);
	fixture_.world.run_until_idle();
	ASSERT_EQ(fixture_.origin.status(), "16/512 16");

	ASSERT_EQ(snap.mapped.load(TargetType::snapshot, fixture_.sectors,
				   snap.words + " 1 stall_on_full"),
		  0);
	ASSERT_EQ(fixture_.origin.load(TargetType::origin, fixture_.sectors, "disk"), 0);
	fixture_.origin.suspend();
	ASSERT_EQ(snap.mapped.resume(), 0);
	ASSERT_EQ(fixture_.origin.resume(), 0);
	Mapped::Handle write = one_more();
	EXPECT_FALSE(done_in(write, 59 * seconds));
	EXPECT_TRUE(done_in(write, 2 * seconds));
	EXPECT_EQ(write->error, 0);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
}

TEST_F(StallTest, a_merge_into_the_origin_waits_for_it_too)
{
	auto &full = add();
	auto &merged = fixture_.add("P 8", 4 * cow_sectors);
	fill();
	/* A chunk that the full one lacks. */
	ASSERT_EQ(fixture_.write(merged, 2000, 8), 0);
	ASSERT_EQ(merged.mapped.flush(), 0);
	merged.mapped.remove();
	fixture_.origin.remove();
	Mapped merging("merging");
	ASSERT_EQ(merging.create(TargetType::merge, fixture_.sectors, merged.words), 0);
	fixture_.world.run_for(10 * seconds);
	EXPECT_EQ(merging.events(), 0u);
	EXPECT_EQ(full.mapped.events(), 1u);
	/* It can still be suspended. */
	uint64_t begun = fixture_.world.now_ns();
	merging.suspend();
	EXPECT_LT(fixture_.world.now_ns() - begun, seconds);
	full.cow.resize(2 * cow_sectors);
	ASSERT_EQ(merging.resume(), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging.status(), "16/2048 16");
	EXPECT_TRUE(fixture_.right(full));
	merging.remove();
}

/*
 * A merge of scattered chunks has used up another snapshot's COW device, and stalls on it
 * with its claims.  As in LVM2, all are suspended, and the device is extended.
 */
struct Extended {
	const char *name;
	uint64_t exceptions;
	uint64_t cow_sectors;
	bool snapshot_first;
};

class StallOfMerge : public testing::TestWithParam<Extended> {};

TEST_P(StallOfMerge, ends_when_all_are_suspended_and_harms_no_snapshot)
{
	const Extended &extended = GetParam();
	constexpr uint64_t chunk = 128;
	SnapshotFixture fixture((extended.exceptions + 8) * chunk);
	auto &merged = fixture.add("P 8", (extended.exceptions + 1000) * 8);
	for (uint64_t n = 0; n < extended.exceptions; n++)
		ASSERT_EQ(fixture.write(merged, n * chunk + n % 16 * 8, 8), 0);
	ASSERT_EQ(merged.mapped.flush(), 0);
	merged.mapped.remove();
	auto &full = fixture.add("P 128 1 stall_on_full", extended.cow_sectors);
	fixture.origin.remove();
	Mapped merging("merging");
	ASSERT_EQ(merging.create(TargetType::merge, fixture.sectors, merged.words), 0);
	fixture.world.run_for(10 * seconds);
	std::string fill = full.mapped.status();
	ASSERT_EQ(full.mapped.events(), 1u) << fill;
	uint64_t last = extended.exceptions * chunk;
	std::vector<uint8_t> data = fixture.fresh(last, 8);
	Mapped::Handle write = merging.start_write(last, data);
	merged.frozen.write(last, data);
	ASSERT_FALSE((fixture.world.run_for(seconds), write->done));

	uint64_t begun = fixture.world.now_ns();
	if (extended.snapshot_first)
		full.mapped.suspend();
	merging.suspend();
	if (!extended.snapshot_first)
		full.mapped.suspend();
	EXPECT_LT(fixture.world.now_ns() - begun, seconds);
	EXPECT_TRUE(write->done);
	EXPECT_EQ(write->error, 0);
	ASSERT_NE(full.mapped.status(), "Invalid");
	/* A chunk for the write and hardly more, so that there is a reserve for the next time. */
	EXPECT_LE(std::stoull(full.mapped.status()), std::stoull(fill) + 8 * chunk);

	full.cow.resize(2 * (extended.exceptions + 8) * chunk);
	ASSERT_EQ(full.mapped.resume(), 0);
	ASSERT_EQ(merging.resume(), 0);
	fixture.world.run_until_idle();
	EXPECT_EQ(merging.status(), "16/" + std::to_string(merged.cow.sectors()) + " 16");
	EXPECT_TRUE(fixture.right(full));
	EXPECT_TRUE(merged.frozen.matches_all(
		[&](uint64_t sector, uint64_t count) { return fixture.disk.peek(sector, count); }));
	merging.remove();
}

INSTANTIATE_TEST_SUITE_P(All, StallOfMerge,
			 testing::Values(Extended{"small", 600, 24576, false},
					 Extended{"small_snapshot_first", 600, 24576, true},
					 Extended{"of_128_MiB", 3000, 262144, false}),
			 [](const auto &extended) { return std::string(extended.param.name); });

} // namespace
} // namespace dmsnap::test
