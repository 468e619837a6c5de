// SPDX-License-Identifier: GPL-2.0-only
/* COW devices that fail, hang or shrink while writes wait for a larger device. */
#include <gtest/gtest.h>

#include "unit/snapshot/stall_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Mapped;

/* An unplugged device has length 0; one that was shortened has lost chunks in use. */
TEST_F(StallTest, a_device_that_has_lost_chunks_in_use_is_not_full_but_has_failed)
{
	fixture_.world.no_space_timeout = 0;
	uint64_t at = 0;
	for (uint64_t left : {0ul, 8ul, cow_sectors / 2}) {
		for (bool stalled : {false, true}) {
			SCOPED_TRACE(left);
			SCOPED_TRACE(stalled);
			auto &snap = add();
			/* Chunks that no snapshot has yet. */
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

/* A dm-linear device keeps its length when the disk below it is unplugged. */
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
	/* The read that is in flight must end before the device is closed. */
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

/* Origin writes only need the part of the device that is left. */
TEST_F(StallTest, a_device_shortened_after_the_last_used_chunk_still_stalls)
{
	auto &snap = add();
	ASSERT_EQ(fixture_.write(0, 20 * 8), 0);
	snap.cow.resize(32 * 8);
	/* 30 chunks of data, and a reserve of 2. */
	ASSERT_EQ(fixture_.write(20 * 8, 8 * 8), 0);
	Mapped::Handle write = one_more();
	EXPECT_FALSE(done_in(write, seconds));
	snap.cow.resize(cow_sectors);
	EXPECT_EQ(fixture_.origin.wait(write), 0);
	EXPECT_TRUE(fixture_.right(snap));
}

} // namespace
} // namespace dmsnap::test
