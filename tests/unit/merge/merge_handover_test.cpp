// SPDX-License-Identifier: GPL-2.0-only
/* How a merge gets the store of a snapshot, and what it leaves to the next owner. */
#include <gtest/gtest.h>

#include "unit/merge/merge_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Mapped;
using user::TargetType;

TEST_F(MergeTest, takes_the_store_over_in_the_order_of_lvm)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	write_random(snap, 300);
	ASSERT_EQ(fixture_.write(0, 4000), 0);
	ASSERT_EQ(fixture_.origin.load(TargetType::merge, disk_sectors, snap.words), 0)
		<< fixture_.origin.error_text();
	fixture_.origin.suspend();
	snap.mapped.suspend();
	ASSERT_EQ(fixture_.origin.resume(), 0);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
	snap.mapped.remove();
	fixture_.world.run_until_idle();
	EXPECT_EQ(fixture_.origin.status(), "16/65536 16");
	EXPECT_TRUE(merged(snap));
}

TEST_F(MergeTest, is_refused_while_the_source_is_not_suspended)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(fixture_.origin.load(TargetType::merge, disk_sectors, snap.words), 0);
	EXPECT_EQ(fixture_.origin.resume(), -22);
	snap.mapped.suspend();
	EXPECT_EQ(snap.mapped.resume(), -22);
	EXPECT_EQ(fixture_.origin.resume(), 0);
}

TEST_F(MergeTest, is_loaded_while_the_source_is_suspended)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	write_random(snap, 100);
	snap.mapped.suspend();
	ASSERT_EQ(fixture_.origin.load(TargetType::merge, disk_sectors, snap.words), 0);
	ASSERT_EQ(fixture_.origin.resume(), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(fixture_.origin.status(), "16/65536 16");
	EXPECT_TRUE(merged(snap));
}

TEST_F(MergeTest, that_is_never_resumed_leaves_the_snapshot_alone)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	write_random(snap, 100);
	ASSERT_EQ(fixture_.origin.load(TargetType::merge, disk_sectors, snap.words), 0);
	/* The next table replaces it. */
	ASSERT_EQ(fixture_.origin.load(TargetType::origin, disk_sectors, "disk"), 0);
	ASSERT_EQ(fixture_.origin.resume(), 0);
	ASSERT_EQ(fixture_.write(0, 1000), 0);
	EXPECT_TRUE(fixture_.right(snap));
}

TEST_F(MergeTest, waits_with_its_claims_for_a_handover_beside_it)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(fixture_.write(0, 8000), 0);
	SnapshotFixture::Snap &other = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(begin(snap), 0);
	Mapped next("next");
	for (int round = 0; round < 4; round++) {
		fixture_.world.run_for(300'000);
		Mapped &from = round % 2 ? next : other.mapped;
		Mapped &to = round % 2 ? other.mapped : next;
		ASSERT_EQ(to.load(TargetType::snapshot, disk_sectors, other.words), 0);
		from.suspend();
		ASSERT_EQ(to.resume(), 0);
		from.remove();
	}
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "16/65536 16");
	EXPECT_TRUE(merged(snap));
	EXPECT_TRUE(fixture_.right(other));
	other.mapped.remove();
}

TEST_F(MergeTest, without_its_source_is_the_origin_alone)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(fixture_.write(0, 1000), 0);
	ASSERT_EQ(fixture_.origin.load(TargetType::merge, disk_sectors, snap.words), 0);
	snap.mapped.remove();
	EXPECT_TRUE(fixture_.world.log_holds("Cancelling snapshot handover."));
	ASSERT_EQ(fixture_.origin.resume(), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(fixture_.origin.status(), "Invalid");
	EXPECT_TRUE(fixture_.world.log_holds("Snapshot is invalid: can't merge"));
	std::vector<uint8_t> data = fixture_.fresh(500, 100);
	EXPECT_EQ(fixture_.origin.write(500, data), 0);
	EXPECT_EQ(fixture_.disk.peek(500, 100), data);
	EXPECT_EQ(fixture_.origin.read(500, 100), data);
	EXPECT_EQ(fixture_.origin.flush(), 0);
}

TEST_F(MergeTest, only_one_at_a_time)
{
	SnapshotFixture::Snap &first = fixture_.add("P 8", cow_sectors);
	SnapshotFixture::Snap &second = fixture_.add("P 8", cow_sectors);
	write_random(first, 100);
	ASSERT_EQ(begin(first), 0);
	Mapped other("other");
	EXPECT_EQ(other.load(TargetType::merge, disk_sectors, second.words), -22);
	EXPECT_EQ(other.error_text(), "A snapshot is already merging.");
	second.mapped.remove();
	EXPECT_EQ(other.load(TargetType::merge, disk_sectors, second.words), -22);
	EXPECT_EQ(other.error_text(), "A snapshot is already merging.");
	/* As in-tree, the merging one cannot be loaded again either. */
	EXPECT_EQ(merging_.load(TargetType::merge, disk_sectors, first.words), -22);
	EXPECT_EQ(merging_.error_text(), "A snapshot is already merging.");
}

TEST_F(MergeTest, one_that_waits_for_its_resume_is_the_only_one_too)
{
	SnapshotFixture::Snap &first = fixture_.add("P 8", cow_sectors);
	SnapshotFixture::Snap &second = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(merging_.load(TargetType::merge, disk_sectors, first.words), 0);
	Mapped other("other");
	EXPECT_EQ(other.load(TargetType::merge, disk_sectors, second.words), -22);
	EXPECT_EQ(other.error_text(), "A snapshot is already merging.");
}

TEST_F(MergeTest, a_transient_store_is_refused)
{
	SnapshotFixture::Snap &snap = fixture_.add("N 8", cow_sectors);
	EXPECT_EQ(merging_.load(TargetType::merge, disk_sectors, snap.words), -22);
	EXPECT_EQ(merging_.error_text(),
		  "Snapshot exception store does not support snapshot-merge.");
	/* The same if only the source has one. */
	EXPECT_EQ(merging_.load(TargetType::merge, disk_sectors, "disk cow0 P 8"), -22);
	EXPECT_EQ(merging_.error_text(),
		  "Snapshot exception store does not support snapshot-merge.");
}

TEST_F(MergeTest, what_a_merge_has_left_can_be_a_snapshot_again)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	write_random(snap, 1500);
	uint64_t used = std::stoull(snap.mapped.status());
	ASSERT_EQ(begin(snap), 0);
	while (std::stoull(merging_.status()) > 5000)
		ASSERT_TRUE(fixture_.world.step());
	merging_.suspend();
	/* The origin has what was merged, so the snapshot shows the same as before. */
	ASSERT_EQ(snap.mapped.load(TargetType::snapshot, disk_sectors, snap.words), 0);
	ASSERT_EQ(snap.mapped.resume(), 0);
	merging_.remove();
	ASSERT_EQ(fixture_.origin.create(TargetType::origin, disk_sectors, "disk"), 0);
	EXPECT_TRUE(fixture_.right(snap));
	/* New chunks come after the highest one in use, so as many are allocated again. */
	EXPECT_LT(std::stoull(snap.mapped.status()), used / 2);
	ASSERT_EQ(fixture_.write(0, disk_sectors / 2), 0);
	EXPECT_GT(std::stoull(snap.mapped.status()), used);
	/* Its list grows over several areas that were emptied. */
	write_random(snap, 3000);
	ASSERT_EQ(fixture_.write(0, 6000), 0);
	EXPECT_TRUE(fixture_.right(snap));
	fixture_.crash();
	EXPECT_EQ(fixture_.snaps.size(), 1u);
	ASSERT_EQ(begin(snap), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "16/65536 16");
}

/* The table goes to the merge and back, so it keeps the leaves that the merge emptied. */
TEST(MergeStopped, leaves_a_table_that_takes_runs_over_what_was_merged)
{
	constexpr uint64_t sectors = 49152;
	SnapshotFixture fixture(sectors);
	SnapshotFixture::Snap &snap = fixture.add("P 8", cow_sectors);
	for (uint64_t chunk = 0; chunk < 6000; chunk += 2)
		ASSERT_EQ(fixture.write(chunk * 8, 8), 0);
	/* It comes between two full leaves, so it gets a narrow leaf of its own. */
	ASSERT_EQ(fixture.write(2031 * 8, 8), 0);

	Mapped merging("merging");
	ASSERT_EQ(merging.load(TargetType::merge, sectors, snap.words), 0);
	snap.mapped.suspend();
	fixture.origin.remove();
	ASSERT_EQ(merging.resume(), 0);
	snap.mapped.remove();
	ASSERT_EQ(merging.message({"merge", "rate", "1600"}), 0);
	while (std::stoull(merging.status()) > 800 * 8)
		ASSERT_TRUE(fixture.world.step());

	ASSERT_EQ(snap.mapped.load(TargetType::snapshot, sectors, snap.words), 0);
	merging.suspend();
	ASSERT_EQ(snap.mapped.resume(), 0);
	merging.remove();
	ASSERT_EQ(fixture.origin.create(TargetType::origin, sectors, "disk"), 0);
	EXPECT_TRUE(fixture.right(snap));
	ASSERT_EQ(fixture.write(2000 * 8, 800), 0);
	EXPECT_TRUE(fixture.right(snap));
	ASSERT_EQ(fixture.write(2000 * 8, 800), 0);
	EXPECT_TRUE(fixture.right(snap));
	fixture.crash();
	EXPECT_TRUE(fixture.right(snap));
}

TEST_F(MergeTest, dead_entries_in_an_area_of_one_block_are_gone_with_the_list)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 4", cow_sectors);
	ASSERT_EQ(fixture_.write(0, 4), 0);
	snap.mapped.remove();
	/* A dead entry in slot 2; slot 1 ends the list. */
	std::vector<uint8_t> area = snap.cow.peek(4, 4);
	area[2 * 16] = 7;
	area[2 * 16 + 8] = 9;
	snap.cow.poke(4, area);
	ASSERT_EQ(begin(snap), 0);
	fixture_.world.run_until_idle();
	ASSERT_EQ(merging_.status(), "8/65536 8");
	merging_.suspend();
	ASSERT_EQ(snap.mapped.load(TargetType::snapshot, disk_sectors, snap.words), 0);
	ASSERT_EQ(snap.mapped.resume(), 0);
	merging_.remove();
	ASSERT_EQ(fixture_.origin.create(TargetType::origin, disk_sectors, "disk"), 0);
	ASSERT_EQ(fixture_.write(100, 4), 0);
	EXPECT_TRUE(fixture_.right(snap));
	fixture_.crash();
	EXPECT_TRUE(fixture_.right(snap));
}

} // namespace
} // namespace dmsnap::test
