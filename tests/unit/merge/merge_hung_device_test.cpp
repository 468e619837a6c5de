// SPDX-License-Identifier: GPL-2.0-only
/* Merger: a merge beside a COW device that hangs, and one whose own device hangs. */
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "unit/merge/merge_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Mapped;
using user::TargetType;

constexpr uint64_t s = 1'000'000'000;

TEST_F(MergeTest, goes_on_beside_what_a_removed_snapshot_still_holds)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	SnapshotFixture::Snap &hung = fixture_.add("P 8", cow_sectors);
	/* Both have the first half. */
	ASSERT_EQ(fixture_.write(0, 8192), 0);
	ASSERT_EQ(begin(snap), 0);
	ASSERT_TRUE(fixture_.world.step());
	ASSERT_EQ(merging_.message({"merge", "pause"}), 0);
	fixture_.world.run_until_idle();
	ASSERT_NE(merging_.status(), "16/65536 16");

	/* The writes take the share of the device that hangs. */
	hung.cow.hold_all();
	std::vector<Mapped::Handle> writes;
	for (uint64_t n = 4; n < 8; n++)
		writes.push_back(merging_.start_write(n * 2048, fixture_.fresh(n * 2048, 2048)));
	fixture_.world.run_for(3 * s);
	bool removed = false;
	fixture_.world.spawn("removal", [&] {
		hung.mapped.remove();
		removed = true;
	});
	fixture_.world.run_for(3 * s);
	fixture_.world.kill("removal");
	fixture_.world.run_for(3 * s);
	EXPECT_TRUE(removed);
	for (auto &write : writes)
		EXPECT_TRUE(write->done);

	ASSERT_EQ(merging_.message({"merge", "resume"}), 0);
	fixture_.world.run_for(1000 * s);
	EXPECT_EQ(merging_.status(), "16/65536 16");
	hung.cow.release();
	fixture_.world.run_for(s);
}

/* More is merged than the copier has pages. */
TEST(MergeOfHungDevice, leaves_pages_to_others_when_it_is_paused_or_suspended)
{
	for (const std::string act : {"nothing", "pause", "suspend"}) {
		SnapshotFixture fixture(65536);
		Mapped merging{"merging"};
		SnapshotFixture::Snap &snap = fixture.add("P 128", 131072);
		ASSERT_EQ(fixture.write(snap, 0, 16384), 0);
		SnapshotFixture::Snap &other = fixture.add("P 128", 131072);
		snap.mapped.remove();
		fixture.origin.remove();
		ASSERT_EQ(merging.create(TargetType::merge, 65536, snap.words), 0);
		snap.cow.reset_log();
		fixture.world.run_until([&] { return snap.cow.counters().read_sectors > 512; });
		snap.cow.hang();
		fixture.world.run_for(s);

		auto write = merging.start_write(50000, fixture.fresh(50000, 8));
		fixture.world.run_for(10 * s);
		EXPECT_TRUE(write->done) << act;
		bool suspended = false;
		if (act == "pause") {
			ASSERT_EQ(merging.message({"merge", "pause"}), 0);
		}
		if (act == "suspend")
			fixture.world.spawn("suspend", [&] {
				merging.suspend();
				suspended = true;
			});
		fixture.world.run_for(10 * s);
		EXPECT_FALSE(suspended);
		/* It needs a copy of the rest of its chunk. */
		auto own = other.mapped.start_write(60001, fixture.fresh(60001, 2));
		fixture.world.run_for(1000 * s);
		EXPECT_TRUE(own->done) << act;

		snap.cow.wake_up();
		EXPECT_EQ(merging.wait(write), 0);
		EXPECT_EQ(other.mapped.wait(own), 0);
		fixture.world.run_for(s);
		EXPECT_EQ(suspended, act == "suspend");
	}
}

} // namespace
} // namespace dmsnap::test
