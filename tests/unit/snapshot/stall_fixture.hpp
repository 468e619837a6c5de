// SPDX-License-Identifier: GPL-2.0-only
/* StallTest: a SnapshotFixture with COW devices so small that they fill up soon. */
#pragma once

#include <gtest/gtest.h>

#include "unit/snapshot/snapshot_fixture.hpp"

namespace dmsnap::test {

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
	/* Uses all room but the reserve. */
	void fill() { ASSERT_EQ(fixture_.write(0, room * 8), 0); }
	/* Writes a chunk that was never written before. */
	user::Mapped::Handle one_more()
	{
		next_ -= 8;
		return fixture_.start_write(next_, 8);
	}
	bool done_in(const user::Mapped::Handle &request, uint64_t time)
	{
		fixture_.world.run_for(time);
		return request->done;
	}

	/* Extends the COW device as LVM2 does.  @write must end with the suspend. */
	void suspend_and_grow(SnapshotFixture::Snap &snap, const user::Mapped::Handle &write)
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

} // namespace dmsnap::test
