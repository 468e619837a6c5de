// SPDX-License-Identifier: GPL-2.0-only
/* Merger: a merge beside a COW device that hangs. */
#include <vector>

#include <gtest/gtest.h>

#include "unit/merge/merge_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Mapped;

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

} // namespace
} // namespace dmsnap::test
