// SPDX-License-Identifier: GPL-2.0-only
/*
 * Merges into an origin that does not end where the snapshot, a chunk or a block of the COW device
 * does.
 */
#include <gtest/gtest.h>

#include "unit/merge/merge_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Mapped;
using user::TargetType;

/* The origin was longer from the start, or has grown since the snapshot was made. */
TEST_F(MergeTest, leaves_alone_everything_after_the_end_of_the_snapshot)
{
	constexpr uint64_t length = disk_sectors - 11;
	SnapshotFixture::Snap &snap = fixture_.add("P 16", cow_sectors, length);
	/* The last chunk: first in a write of its own, then with chunks before it. */
	ASSERT_EQ(fixture_.write(snap, length - 3, 3), 0);
	ASSERT_EQ(fixture_.write(snap, length - 21, 16), 0);
	ASSERT_EQ(fixture_.write(length, 11), 0);
	std::vector<uint8_t> behind = fixture_.disk.peek(length, 11);
	snap.mapped.remove();
	fixture_.origin.remove();
	ASSERT_EQ(merging_.create(TargetType::merge, length, snap.words), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "32/65536 32");
	EXPECT_TRUE(merged(snap));
	EXPECT_EQ(fixture_.disk.peek(length, 11), behind);
}

/* Like in-tree, it merges past its own end, but not past the end of the device. */
TEST(MergeEnd, of_a_device_shorter_than_the_snapshot)
{
	constexpr uint64_t length = 4096 - 3;
	SnapshotFixture fixture(length);
	SnapshotFixture::Snap &snap = fixture.add("P 16", 16384);
	ASSERT_EQ(fixture.write(snap, length - 5, 5), 0);
	ASSERT_EQ(fixture.write(100, 100), 0);
	snap.mapped.remove();
	fixture.origin.remove();
	Mapped merging("merging");
	ASSERT_EQ(merging.create(TargetType::merge, 1024, snap.words), 0);
	fixture.world.run_until_idle();
	EXPECT_EQ(merging.status(), "32/16384 32");
	EXPECT_TRUE(snap.frozen.matches_all(
		[&](uint64_t sector, uint64_t count) { return fixture.disk.peek(sector, count); }));
	merging.remove();
}

TEST(MergeEnd, in_the_middle_of_a_run)
{
	constexpr uint64_t length = 4096, end = 1021, chunk_end = 1024;
	SnapshotFixture fixture(length);
	SnapshotFixture::Snap &snap = fixture.add("P 16", 16384);
	ASSERT_EQ(fixture.write(960, 128), 0);
	std::vector<uint8_t> behind = fixture.disk.peek(end, chunk_end - end);
	snap.mapped.remove();
	fixture.origin.remove();
	Mapped merging("merging");
	ASSERT_EQ(merging.create(TargetType::merge, end, snap.words), 0);
	fixture.world.run_until_idle();
	EXPECT_EQ(merging.status(), "32/16384 32");
	EXPECT_EQ(fixture.disk.peek(end, chunk_end - end), behind);
	/* Everything else is restored. */
	fixture.disk.poke(end, snap.frozen.expected(end, chunk_end - end));
	EXPECT_TRUE(snap.frozen.matches_all(
		[&](uint64_t sector, uint64_t count) { return fixture.disk.peek(sector, count); }));
	merging.remove();
}

/* The origin has small blocks, and ends inside a block of the COW device. */
TEST(MergeEnd, reads_whole_blocks_of_the_cow_device)
{
	for (const char *chunk : {"8", "16", "1024"}) {
		SnapshotFixture fixture(4096 + 13);
		fixture.world.add_device({.name = "cow4k", .sectors = 1 << 14, .block_sectors = 8});
		Mapped snap("snapshot");
		std::string words = std::string("disk cow4k P ") + chunk;
		ASSERT_EQ(snap.create(TargetType::snapshot, 4109, words), 0);
		std::vector<uint8_t> whole = fixture.disk.peek(0, 4109);
		ASSERT_EQ(fixture.write(4096, 13), 0);
		snap.remove();
		fixture.origin.remove();
		Mapped merging("merging");
		ASSERT_EQ(merging.create(TargetType::merge, 4109, words), 0);
		fixture.world.run_until_idle();
		EXPECT_NE(merging.status(), "Merge failed");
		EXPECT_TRUE(fixture.disk.peek(0, 4109) == whole) << chunk;
	}
}

} // namespace
} // namespace dmsnap::test
