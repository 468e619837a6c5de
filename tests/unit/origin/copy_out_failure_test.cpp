// SPDX-License-Identifier: GPL-2.0-only
/* Origin writes when a device fails or memory is short, and which snapshots become invalid. */
#include <gtest/gtest.h>

#include "support/seed.hpp"
#include "unit/snapshot/snapshot_fixture.hpp"
#include "user/memory.hpp"

namespace dmsnap::test {
namespace {

using user::Mapped;
using user::Memory;
using user::Op;

TEST(CopyOut, an_unreadable_sector_invalidates_only_snapshots_that_lack_it)
{
	SnapshotFixture fixture;
	auto &has_it = fixture.add("P 8");
	ASSERT_EQ(fixture.write(64, 8), 0);
	auto &lacks_it = fixture.add("P 8");
	auto &lacks_more = fixture.add("P 64");
	fixture.disk.fail_range(Op::read, 70, 1);
	EXPECT_EQ(fixture.write(0, 64), 0);
	EXPECT_EQ(fixture.write(64, 64), 0);
	EXPECT_EQ(lacks_it.mapped.status(), "Invalid");
	EXPECT_EQ(lacks_more.mapped.status(), "Invalid");
	fixture.disk.clear_faults();
	EXPECT_TRUE(fixture.right(has_it));
	fixture.crash();
	EXPECT_TRUE(fixture.right(has_it));
}

TEST(CopyOut, a_read_on_its_way_when_the_snapshot_is_lost_fails)
{
	SnapshotFixture fixture;
	/* There is room for one chunk. */
	auto &snap = fixture.add("P 8", 3 * 8);
	ASSERT_EQ(fixture.write(800, 8), 0);
	fixture.disk.hold(Op::read);
	auto read = snap.mapped.start_read(0, 8);
	auto other = snap.mapped.start_read(80, 8);
	fixture.world.settle();
	ASSERT_EQ(fixture.disk.held(), 2u);
	EXPECT_EQ(fixture.write(0, 8), 0);
	ASSERT_EQ(snap.mapped.status(), "Invalid");
	fixture.disk.release();
	EXPECT_NE(snap.mapped.wait(read), 0);
	EXPECT_NE(snap.mapped.wait(other), 0);
}

TEST(CopyOut, a_cow_device_that_fails_costs_its_snapshot_only)
{
	SnapshotFixture fixture;
	auto &bad = fixture.add("P 8");
	auto &good = fixture.add("P 8");
	bad.cow.fail_nth(Op::write, 1);
	EXPECT_EQ(fixture.write(0, 8), 0);
	EXPECT_EQ(bad.mapped.status(), "Invalid");
	EXPECT_EQ(bad.mapped.events(), 1u);
	EXPECT_TRUE(fixture.world.log_holds("Invalidating snapshot: Error reading/writing."));
	EXPECT_EQ(good.mapped.events(), 0u);
	EXPECT_TRUE(fixture.right(good));
}

TEST(CopyOut, an_origin_that_cannot_be_read_costs_the_snapshots)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	fixture.disk.fail_nth(Op::read, 1);
	EXPECT_EQ(fixture.write(0, 8), 0);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
}

/* As with a disk that was unplugged. */
TEST(CopyOut, an_origin_that_has_gone_costs_the_snapshot_and_no_writer)
{
	for (uint64_t sector : {0, 3, 2000}) {
		SnapshotFixture fixture;
		auto &snap = fixture.add("P 8");
		fixture.disk.resize(0);
		auto write = fixture.start_write(sector, 8);
		fixture.world.settle();
		ASSERT_TRUE(write->done) << sector;
		EXPECT_EQ(write->error, -5);
		EXPECT_EQ(snap.mapped.status(), "Invalid");
	}
}

TEST(CopyOut, an_origin_that_is_shorter_now_costs_the_snapshot)
{
	/* Behind the new end, across it, and in a chunk across it. */
	for (uint64_t sector : {1500, 1020, 992}) {
		SnapshotFixture fixture;
		auto &snap = fixture.add("P 128");
		fixture.disk.resize(1024 - 24);
		auto write = fixture.start_write(sector, 8);
		fixture.world.settle();
		ASSERT_TRUE(write->done) << sector;
		EXPECT_EQ(write->error, sector + 8 <= 1000 ? 0 : -5);
		EXPECT_EQ(snap.mapped.status(), "Invalid") << sector;
	}
}

/* The rest of the chunk, which the write does not cover, cannot be read. */
TEST(CopyOut, a_snapshot_write_over_an_origin_that_has_gone_fails)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	fixture.disk.resize(0);
	EXPECT_EQ(fixture.write(snap, 16, 4), -5);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
}

/* Single chunks in random order fill leaf after leaf until the table's reserve is used up. */
TEST(CopyOut, without_memory_fails_the_snapshot_and_no_write)
{
	constexpr uint64_t chunks = 1 << 15;
	SnapshotFixture fixture(2 * chunks);
	/* So many chunks that their numbers take 8 bytes in the table. */
	auto &snap = fixture.add("N 1", uint64_t{1} << 31);
	Memory::instance().fail_nowait_from(0);
	uint64_t writes = 0;
	for (; writes < chunks && snap.mapped.status() != "Invalid"; writes++)
		ASSERT_EQ(fixture.write(writes * 0x9e3779b1 % chunks * 2, 1), 0);
	EXPECT_GT(writes, 1000u);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
	EXPECT_TRUE(fixture.world.log_holds("is invalid: no memory"));
	Memory::instance().fail_nothing();
}

/* More operations than the pools have reserves for; some find no memory. */
TEST(CopyOut, short_memory_delays_writes_and_fails_none)
{
	for_seeds(20, [](uint64_t seed) {
		SnapshotFixture fixture(16384);
		auto &snap = fixture.add("P 8", 32768);
		Memory &memory = Memory::instance();
		const uint64_t dry_before = memory.dry_pools();
		memory.fail_nowait_randomly(seed, 2);
		std::vector<Mapped::Handle> writes;
		for (uint64_t n = 0; n < 500; n++)
			writes.push_back(fixture.start_write(n * 32, 8));
		for (uint64_t n = 0; n < 100; n++)
			writes.push_back(snap.mapped.start_read(n * 32, 8));
		for (const Mapped::Handle &write : writes)
			EXPECT_EQ(fixture.origin.wait(write), 0);
		memory.fail_nothing();
		EXPECT_GT(memory.dry_pools(), dry_before);
		EXPECT_TRUE(fixture.right(snap));
	});
}

} // namespace
} // namespace dmsnap::test
