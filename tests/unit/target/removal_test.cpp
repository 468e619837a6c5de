// SPDX-License-Identifier: GPL-2.0-only
/* What others may do while a removal waits, and what a suspend records that follows another. */
#include <gtest/gtest.h>

#include "unit/snapshot/snapshot_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Mapped;
using user::Op;
using user::TargetType;

/* Its copy is still under way, and would be written over data of the next owner. */
TEST(Removal, keeps_the_cow_device_in_use_while_it_waits)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	fixture.disk.hold(Op::read);
	auto write = fixture.start_write(0, 8);
	fixture.world.settle();
	bool removed = false;
	fixture.world.spawn("removal", [&] {
		snap.mapped.remove();
		removed = true;
	});
	fixture.world.settle();
	EXPECT_FALSE(removed);
	Mapped next{"next"};
	EXPECT_EQ(next.load(TargetType::snapshot, 4096, snap.words), -22);
	EXPECT_EQ(next.error_text(), "COW device is in use until I/O of a removed snapshot ends");

	fixture.disk.release();
	EXPECT_EQ(fixture.origin.wait(write), 0);
	fixture.world.settle();
	EXPECT_TRUE(removed);
	EXPECT_EQ(next.create(TargetType::snapshot, 4096, snap.words), 0);
}

/* The first suspend's commit covers only what was written before it. */
TEST(Suspend, after_a_killed_one_records_later_writes)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 0, 64), 0);
	snap.cow.hold_all();
	bool ended = false;
	fixture.world.spawn("suspend", [&] {
		snap.mapped.suspend();
		ended = true;
	});
	fixture.world.settle();
	fixture.world.kill("suspend");
	fixture.world.settle();
	ASSERT_TRUE(ended);
	ASSERT_EQ(snap.mapped.resume(), 0);
	snap.cow.release();
	fixture.world.run_for(2'000'000'000);

	ASSERT_EQ(fixture.write(snap, 640, 64), 0);
	snap.mapped.suspend();
	fixture.world.crash({.keep = user::CrashPolicy::Keep::nothing});
	snap.mapped.remove();
	fixture.world.power_on();
	ASSERT_EQ(snap.mapped.create(TargetType::snapshot, 4096, snap.words), 0);
	EXPECT_TRUE(fixture.right(snap));
}

} // namespace
} // namespace dmsnap::test
