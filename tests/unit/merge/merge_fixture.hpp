// SPDX-License-Identifier: GPL-2.0-only
/* MergeTest: a SnapshotFixture whose origin and one snapshot can be replaced by a merge. */
#pragma once

#include <gtest/gtest.h>

#include "unit/snapshot/snapshot_fixture.hpp"

namespace dmsnap::test {

constexpr uint64_t disk_sectors = 16384;
constexpr uint64_t cow_sectors = 65536;

class MergeTest : public testing::Test {
protected:
	/* Writes @chunks chunks of 8 sectors of the snapshot, one by one in random order. */
	void write_random(SnapshotFixture::Snap &snap, uint64_t chunks)
	{
		user::Random random(7);
		for (uint64_t n = 0; n < chunks; n++) {
			uint64_t chunk = random.below(disk_sectors / 8);
			ASSERT_EQ(fixture_.write(snap, chunk * 8, 8), 0);
		}
	}

	/* Replaces the snapshot and the origin by the merge. */
	int begin(SnapshotFixture::Snap &snap)
	{
		snap.mapped.remove();
		fixture_.origin.remove();
		fixture_.disk.reset_log();
		snap.cow.reset_log();
		return merging_.create(user::TargetType::merge, disk_sectors, snap.words);
	}

	testing::AssertionResult shows(SnapshotFixture::Snap &snap)
	{
		return snap.frozen.matches_all([&](uint64_t sector, uint64_t count) {
			return merging_.read(sector, count);
		});
	}

	/* Does the disk itself hold what the snapshot showed? */
	testing::AssertionResult merged(SnapshotFixture::Snap &snap)
	{
		return snap.frozen.matches_all([&](uint64_t sector, uint64_t count) {
			return fixture_.disk.peek(sector, count);
		});
	}

	static size_t writes_with(const user::Device &device, unsigned int flags)
	{
		size_t count = 0;
		for (const user::IoRecord &io : device.log())
			count += io.op == user::Op::write && (io.flags & flags) == flags;
		return count;
	}

	SnapshotFixture fixture_{disk_sectors};
	user::Mapped merging_{"merging"};
};

} // namespace dmsnap::test
