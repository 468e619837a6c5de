// SPDX-License-Identifier: GPL-2.0-only
/* Origin writes: what they cost, and in which order data and metadata become durable. */
#include <gtest/gtest.h>

#include "unit/snapshot/snapshot_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Device;
using user::IoRecord;
using user::Mapped;
using user::Op;

constexpr unsigned int durable = DMSNAP_IO_PREFLUSH | DMSNAP_IO_FUA;

/* The writes that are not metadata. */
std::vector<IoRecord> data_writes(const Device &device)
{
	std::vector<IoRecord> writes;
	for (const IoRecord &io : device.log())
		if (io.op == Op::write && !(io.flags & DMSNAP_IO_META))
			writes.push_back(io);
	return writes;
}

TEST(CopyOut, one_read_serves_all_snapshots)
{
	SnapshotFixture fixture;
	for (int n = 0; n < 5; n++)
		fixture.add("P 8");
	fixture.disk.reset_log();
	ASSERT_EQ(fixture.write(16, 8), 0);
	EXPECT_EQ(fixture.disk.counters().reads, 1u);
	EXPECT_EQ(fixture.disk.counters().read_sectors, 8u);
	for (auto &snap : fixture.snaps) {
		EXPECT_EQ(data_writes(snap->cow).size(), 1u);
		EXPECT_EQ(snap->cow.counters().fua_writes, 1u);
		EXPECT_TRUE(fixture.right(*snap));
	}
}

TEST(CopyOut, different_chunk_sizes_share_the_read_of_the_largest)
{
	SnapshotFixture fixture;
	auto &small = fixture.add("P 8");
	auto &large = fixture.add("P 128");
	auto &least = fixture.add("N 1");
	fixture.disk.reset_log();
	ASSERT_EQ(fixture.write(131, 2), 0);
	EXPECT_EQ(fixture.disk.counters().reads, 1u);
	EXPECT_EQ(fixture.disk.counters().read_sectors, 128u);
	EXPECT_EQ(data_writes(small.cow)[0].sectors, 8u);
	EXPECT_EQ(data_writes(large.cow)[0].sectors, 128u);
	EXPECT_EQ(data_writes(least.cow)[0].sectors, 2u);
	for (auto &snap : fixture.snaps)
		EXPECT_TRUE(fixture.right(*snap));
}

/* The origin has small blocks, and ends inside a block of the COW device. */
TEST(CopyOut, the_last_chunk_fills_a_block_of_the_cow_device)
{
	for (uint32_t chunk : {16u, 64u, 1024u}) {
		SnapshotFixture fixture(4096 + 13);
		Device &cow = fixture.world.add_device(
			{.name = "cow4k", .sectors = 1 << 14, .block_sectors = 8});
		Mapped snap("snapshot");
		/* dm refuses a table whose length is no multiple of its blocks. */
		ASSERT_EQ(snap.create(user::TargetType::snapshot, 4104,
				      "disk cow4k P " + std::to_string(chunk)),
			  0);
		std::vector<uint8_t> before = fixture.disk.peek(0, fixture.sectors);
		ASSERT_EQ(fixture.write(4096, 8), 0);
		EXPECT_EQ(snap.read(4096, 8), std::vector<uint8_t>(before.begin() + 4096 * 512,
								   before.begin() + 4104 * 512));
		EXPECT_NE(snap.status(), "Invalid");
		EXPECT_GT(data_writes(cow).size(), 0u);
	}
}

TEST(CopyOut, a_write_to_the_last_chunk_of_a_snapshot_fills_a_block_of_the_cow_device)
{
	for (uint64_t begin : {4096u, 4088u, 4064u}) {
		SnapshotFixture fixture(4096 + 13);
		fixture.world.add_device({.name = "cow4k", .sectors = 1 << 14, .block_sectors = 8});
		Mapped snap("snapshot");
		ASSERT_EQ(snap.create(user::TargetType::snapshot, 4104, "disk cow4k P 64"), 0);
		std::vector<uint8_t> whole = fixture.disk.peek(0, 4104);
		std::vector<uint8_t> data = Pattern{7, 7}.make(begin, 8);
		ASSERT_EQ(snap.write(begin, data), 0);
		std::copy(data.begin(), data.end(),
			  whole.begin() + static_cast<ptrdiff_t>(begin * 512));
		EXPECT_EQ(snap.flush(), 0);
		EXPECT_TRUE(snap.read(0, 4104) == whole);
		EXPECT_NE(snap.status(), "Invalid");
	}
}

TEST(CopyOut, neighbouring_writes_are_copied_together)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	std::vector<Mapped::Handle> writes;
	for (uint64_t n = 0; n < 16; n++)
		writes.push_back(fixture.start_write(n * 8, 8));
	for (auto &write : writes)
		EXPECT_EQ(fixture.origin.wait(write), 0);
	EXPECT_EQ(fixture.disk.counters().reads, 1u);
	EXPECT_EQ(data_writes(snap.cow).size(), 1u);
	EXPECT_EQ(snap.cow.counters().fua_writes, 1u);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(CopyOut, a_long_write_is_copied_in_long_pieces)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(0, 2048), 0);
	EXPECT_EQ(fixture.disk.counters().reads, 4u);
	EXPECT_EQ(fixture.disk.counters().read_sectors, 2048u);
	EXPECT_EQ(data_writes(snap.cow).size(), 4u);
	EXPECT_LE(snap.cow.counters().fua_writes, 2u);
	EXPECT_EQ(fixture.disk.counters().writes, 1u);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(CopyOut, a_rewrite_of_copied_chunks_is_one_io)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(0, 2048), 0);
	fixture.disk.reset_log();
	snap.cow.reset_log();
	ASSERT_EQ(fixture.write(0, 2048), 0);
	EXPECT_EQ(fixture.disk.log().size(), 1u);
	EXPECT_EQ(snap.cow.log().size(), 0u);
}

TEST(CopyOut, a_write_is_cut_where_copying_begins)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(0, 8), 0);
	fixture.disk.reset_log();
	ASSERT_EQ(fixture.write(0, 16), 0);
	EXPECT_EQ(fixture.disk.counters().read_sectors, 8u);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(CopyOut, an_origin_without_snapshots_passes_everything_on)
{
	SnapshotFixture fixture;
	ASSERT_EQ(fixture.write(3, 2048), 0);
	fixture.origin.read(0, 4096);
	ASSERT_EQ(fixture.origin.flush(), 0);
	ASSERT_EQ(fixture.disk.log().size(), 3u);
	EXPECT_EQ(fixture.disk.counters().flushes, 1u);
}

TEST(CopyOut, the_exception_is_durable_before_the_origin_is_written)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(0, 8), 0);

	const IoRecord *entry = nullptr;
	for (const IoRecord &io : snap.cow.log())
		if (io.flags & DMSNAP_IO_META && io.op == Op::write)
			entry = &io;
	ASSERT_NE(entry, nullptr);
	EXPECT_EQ(entry->flags & durable, durable);
	const IoRecord data = data_writes(snap.cow).at(0);
	const IoRecord &write = fixture.disk.log().back();
	const auto &speed = snap.cow.options();
	EXPECT_GE(entry->submitted_ns, data.submitted_ns + speed.latency_ns);
	EXPECT_GE(write.submitted_ns, entry->submitted_ns + speed.flush_ns + speed.latency_ns);
}

TEST(CopyOut, concurrent_writes_share_commits)
{
	SnapshotFixture fixture(65536);
	auto &snap = fixture.add("P 8", 131072);
	std::vector<Mapped::Handle> writes;
	for (uint64_t n = 0; n < 256; n++)
		writes.push_back(fixture.start_write(n * 37 % 256 * 256, 8));
	for (auto &write : writes)
		EXPECT_EQ(fixture.origin.wait(write), 0);
	EXPECT_EQ(fixture.disk.counters().reads, 256u);
	EXPECT_LE(snap.cow.counters().fua_writes, 16u);
	EXPECT_EQ(snap.cow.counters().flushes, snap.cow.counters().fua_writes);
}

TEST(CopyOut, the_invalid_mark_is_durable_before_the_write_goes)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	snap.cow.fail_nth(Op::write, 1);
	auto write = fixture.start_write(0, 8);
	fixture.world.run_until([&] { return snap.cow.counters().writes == 1; });
	snap.cow.hold(Op::write);
	fixture.world.settle();
	ASSERT_EQ(snap.cow.held(), 1u);
	const IoRecord &mark = snap.cow.log().back();
	EXPECT_EQ(mark.sector, 0u);
	EXPECT_EQ(mark.flags & durable, durable);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
	EXPECT_FALSE(write->done);
	EXPECT_EQ(fixture.disk.counters().writes, 0u);
	snap.cow.release();
	EXPECT_EQ(fixture.origin.wait(write), 0);
	fixture.crash();
	EXPECT_EQ(snap.mapped.status(), "Invalid");
}

TEST(CopyOut, a_snapshot_shorter_than_the_origin_lacks_nothing_after_its_end)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8", 16384, 100);
	ASSERT_EQ(fixture.write(104, 1000), 0);
	EXPECT_EQ(fixture.disk.counters().reads, 0u);
	ASSERT_EQ(fixture.write(90, 500), 0);
	EXPECT_LE(fixture.disk.counters().read_sectors, 16u);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(CopyOut, the_last_chunk_may_reach_over_the_end_of_the_origin)
{
	SnapshotFixture fixture(1001);
	auto &snap = fixture.add("P 16");
	ASSERT_EQ(fixture.write(1000, 1), 0);
	EXPECT_EQ(fixture.disk.counters().read_sectors, 9u);
	EXPECT_TRUE(fixture.right(snap));
}

/* The copy begins with a chunk of 2 KiB; the other snapshot's device has 4 KiB blocks. */
TEST(CopyOut, a_long_copy_is_cut_where_blocks_of_all_devices_end)
{
	SnapshotFixture fixture(8192);
	auto &small = fixture.add("P 4");
	Device &cow =
		fixture.world.add_device({.name = "cow4k", .sectors = 1 << 14, .block_sectors = 8});
	Mapped large("large");
	ASSERT_EQ(large.create(user::TargetType::snapshot, 8192, "disk cow4k P 8"), 0);
	FrozenImage frozen(fixture.disk.content(), 8192);
	ASSERT_EQ(fixture.write(4, 4000), 0);
	/* Now only the small one needs the first chunk of the second write. */
	ASSERT_EQ(fixture.write(4096, 8), 0);
	ASSERT_EQ(fixture.write(4108, 4000), 0);
	EXPECT_EQ(large.status().find("Invalid"), std::string::npos);
	EXPECT_TRUE(frozen.matches_all(
		[&](uint64_t sector, uint64_t count) { return large.read(sector, count); }));
	EXPECT_TRUE(fixture.right(small));
	EXPECT_EQ(cow.in_flight(), 0u);
}

} // namespace
} // namespace dmsnap::test
