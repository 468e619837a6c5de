// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes to an origin: what they cost, and in which order things become durable.
 */
#include <gtest/gtest.h>

#include "support/seed.hpp"
#include "unit/snapshot/snapshot_fixture.hpp"
#include "user/memory.hpp"

namespace dmsnap::test {
namespace {

using user::Device;
using user::IoRecord;
using user::Mapped;
using user::Memory;
using user::Op;

constexpr unsigned int durable = DMSNAP_IO_PREFLUSH | DMSNAP_IO_FUA;

/* Every write that is not metadata. */
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

/* An origin of small blocks that ends inside one of the COW device's. */
TEST(CopyOut, the_last_chunk_fills_a_block_of_the_cow_device)
{
	for (uint32_t chunk : {16u, 64u, 1024u}) {
		SnapshotFixture fixture(4096 + 13);
		Device &cow = fixture.world.add_device(
			{.name = "cow4k", .sectors = 1 << 14, .block_sectors = 8});
		Mapped snap("snapshot");
		/* dm refuses a table whose length is not a multiple of its blocks. */
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

TEST(CopyOut, a_slow_snapshot_does_not_hold_back_the_commit_of_another)
{
	SnapshotFixture fixture;
	auto &fast = fixture.add("P 8");
	auto &slow = fixture.add("P 8");
	slow.cow.hold_all();
	auto write = fixture.start_write(0, 8);
	fixture.world.settle();
	EXPECT_EQ(fast.cow.counters().fua_writes, 1u);
	EXPECT_EQ(fixture.disk.counters().writes, 0u);
	EXPECT_FALSE(write->done);
	slow.cow.release();
	EXPECT_EQ(fixture.origin.wait(write), 0);
	EXPECT_TRUE(fixture.right(fast));
	EXPECT_TRUE(fixture.right(slow));
}

TEST(CopyOut, a_write_waits_for_reads_of_the_snapshot_that_see_the_origin)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	fixture.disk.hold(Op::read);
	auto read = snap.mapped.start_read(0, 8);
	fixture.world.settle();
	ASSERT_EQ(fixture.disk.held(), 1u);
	/* The snapshot gets the chunk without a read of the origin. */
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	auto write = fixture.start_write(0, 8);
	fixture.world.run_for(5'000'000'000);
	EXPECT_FALSE(write->done);
	EXPECT_EQ(fixture.disk.counters().writes, 0u);
	fixture.disk.release();
	EXPECT_EQ(fixture.origin.wait(write), 0);
	EXPECT_TRUE(read->done);
	EXPECT_TRUE((Pattern{1, 1}.matches(0, read->data)));
}

TEST(CopyOut, a_write_does_not_wait_for_reads_of_other_chunks)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	fixture.disk.hold(Op::read);
	auto read = snap.mapped.start_read(2048, 1024);
	fixture.world.settle();
	ASSERT_EQ(fixture.disk.held(), 1u);
	/* The snapshot gets the chunk without a read of the origin. */
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	auto write = fixture.start_write(0, 8);
	fixture.world.settle();
	EXPECT_TRUE(write->done);
	EXPECT_FALSE(read->done);
	fixture.disk.release();
	EXPECT_EQ(snap.mapped.wait(read), 0);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(CopyOut, a_read_on_its_way_when_the_snapshot_is_lost_fails)
{
	SnapshotFixture fixture;
	/* Room for one chunk. */
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

TEST(CopyOut, later_reads_of_the_snapshot_do_not_hold_back_a_write)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	fixture.disk.hold(Op::read);
	auto read = snap.mapped.start_read(8, 8);
	ASSERT_EQ(snap.mapped.flush(), 0);
	fixture.disk.release();
	EXPECT_EQ(fixture.write(0, 8), 0);
	EXPECT_EQ(snap.mapped.wait(read), 0);
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

TEST(CopyOut, a_lost_entry_holds_back_the_write_until_the_mark_is_durable)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	snap.cow.fail_nth(Op::write, 1);
	uint64_t before = snap.cow.counters().writes;
	auto flush = snap.mapped.start_flush();
	fixture.world.run_until([&] { return snap.cow.counters().writes > before; });
	snap.cow.hold(Op::write);
	fixture.world.settle();
	ASSERT_EQ(snap.cow.held(), 1u);
	EXPECT_TRUE(flush->done);
	EXPECT_NE(flush->error, 0);
	/* A crash now would leave a store that is valid and lacks the chunk. */
	auto write = fixture.start_write(0, 8);
	fixture.world.settle();
	EXPECT_FALSE(write->done);
	EXPECT_EQ(fixture.disk.counters().writes, 0u);
	snap.cow.release();
	EXPECT_EQ(fixture.origin.wait(write), 0);
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

/* The stretch begins with a chunk of 2 KiB; the other snapshot's device takes blocks of 4. */
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
	/* So that only the small one needs the first chunk of the second write. */
	ASSERT_EQ(fixture.write(4096, 8), 0);
	ASSERT_EQ(fixture.write(4108, 4000), 0);
	EXPECT_EQ(large.status().find("Invalid"), std::string::npos);
	EXPECT_TRUE(frozen.matches_all(
		[&](uint64_t sector, uint64_t count) { return large.read(sector, count); }));
	EXPECT_TRUE(fixture.right(small));
	EXPECT_EQ(cow.in_flight(), 0u);
}

/* Like a disk that was unplugged. */
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
	/* After the new end; across it; in a chunk that extends past it. */
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

/* The part of the chunk that the write does not cover is gone. */
TEST(CopyOut, a_snapshot_write_over_an_origin_that_has_gone_fails)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	fixture.disk.resize(0);
	EXPECT_EQ(fixture.write(snap, 16, 4), -5);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
}

/* Chunk 0 of both snapshots, then chunk 1, which only the second one lacks. */
TEST(CopyOut, a_write_that_hangs_delays_none_that_needs_another_snapshot)
{
	SnapshotFixture fixture;
	auto &failing = fixture.add("P 8");
	ASSERT_EQ(fixture.write(8, 8), 0);
	auto &other = fixture.add("P 8");
	failing.cow.reset_log();
	failing.cow.fail_nth(Op::write, 1);
	auto stuck = fixture.start_write(0, 8);
	fixture.world.run_until([&] { return failing.cow.counters().writes == 1; });
	failing.cow.hold_all();
	fixture.world.settle();
	EXPECT_FALSE(stuck->done);

	auto write = fixture.start_write(8, 8);
	fixture.world.settle();
	ASSERT_TRUE(write->done);
	EXPECT_EQ(write->error, 0);
	failing.cow.release();
	EXPECT_EQ(fixture.origin.wait(stuck), 0);
	EXPECT_TRUE(fixture.right(other));
	EXPECT_EQ(failing.mapped.status(), "Invalid");
}

/* One copy for two writes, of which only the first needs the snapshot that hangs. */
TEST(CopyOut, a_write_waits_for_the_runs_that_it_needs_alone)
{
	SnapshotFixture fixture;
	auto &hung = fixture.add("P 8");
	ASSERT_EQ(fixture.write(8, 8), 0);
	auto &other = fixture.add("P 8");
	hung.cow.hold_all();
	auto first = fixture.start_write(0, 8);
	auto second = fixture.start_write(8, 8);
	fixture.world.settle();
	EXPECT_EQ(fixture.disk.counters().reads, 1u) << "they were not copied together";
	EXPECT_FALSE(first->done);
	EXPECT_TRUE(second->done);
	/* Its own writes and reads proceed as well. */
	auto own = other.mapped.start_write(0, fixture.fresh(0, 8));
	fixture.world.settle();
	EXPECT_TRUE(own->done);
	other.frozen.write(0, own->data);
	hung.cow.release();
	EXPECT_EQ(fixture.origin.wait(first), 0);
	EXPECT_TRUE(fixture.right(hung));
	EXPECT_TRUE(fixture.right(other));
}

/* It waited for a copy for that snapshot, which is no longer needed. */
TEST(CopyOut, a_write_does_not_wait_for_a_snapshot_that_is_being_removed)
{
	SnapshotFixture fixture;
	auto &hung = fixture.add("P 8");
	auto &other = fixture.add("P 8");
	hung.cow.hold_all();
	auto write = fixture.start_write(0, 8);
	fixture.world.settle();
	EXPECT_FALSE(write->done);
	bool removed = false;
	fixture.world.spawn("removal", [&] {
		hung.mapped.remove();
		removed = true;
	});
	fixture.world.settle();
	EXPECT_TRUE(write->done);
	EXPECT_FALSE(removed);
	hung.cow.release();
	fixture.world.settle();
	EXPECT_TRUE(removed);
	EXPECT_TRUE(fixture.right(other));
}

TEST(CopyOut, a_low_threshold_lets_all_writes_end)
{
	SnapshotFixture fixture;
	auto &one = fixture.add("P 8");
	auto &two = fixture.add("N 16");
	fixture.world.cow_threshold = 1;
	std::vector<Mapped::Handle> writes;
	for (uint64_t n = 0; n < 100; n++)
		writes.push_back(fixture.start_write(n * 40 % 4000, 9));
	for (auto &write : writes)
		EXPECT_EQ(fixture.origin.wait(write), 0);
	EXPECT_TRUE(fixture.right(one));
	EXPECT_TRUE(fixture.right(two));
}

TEST(CopyOut, no_more_chunks_than_the_threshold_are_in_flight)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	fixture.world.cow_threshold = 10;
	snap.cow.hold(Op::write);
	std::vector<Mapped::Handle> writes;
	for (uint64_t n = 0; n < 100; n++)
		writes.push_back(fixture.start_write(n * 40, 8));
	fixture.world.settle();
	EXPECT_EQ(fixture.disk.counters().reads, 11u);
	snap.cow.release();
	for (auto &write : writes)
		EXPECT_EQ(fixture.origin.wait(write), 0);
	EXPECT_EQ(fixture.disk.counters().reads, 100u);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(CopyOut, partial_snapshot_writes_over_the_threshold_wait_for_no_timer)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	fixture.world.cow_threshold = 1;
	uint64_t before = fixture.world.now_ns();
	std::vector<Mapped::Handle> writes;
	for (uint64_t n = 0; n < 50; n++)
		writes.push_back(snap.mapped.start_write(n * 8 + 1, fixture.fresh(n * 8 + 1, 2)));
	for (auto &write : writes)
		EXPECT_EQ(snap.mapped.wait(write), 0);
	EXPECT_LT(fixture.world.now_ns() - before, 500'000'000u);
}

/*
 * Single chunks in random order fill the table's leaves one by one, until nothing is left
 * of its reserve.
 */
TEST(CopyOut, without_memory_fails_the_snapshot_and_no_write)
{
	constexpr uint64_t chunks = 1 << 15;
	SnapshotFixture fixture(2 * chunks);
	/* Enough chunks that their numbers take 8 bytes in the table. */
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

/* More operations than the pools keep for that, of which some find no memory. */
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

TEST(CopyOut, the_throttle_makes_copies_slower)
{
	uint64_t took[2];
	for (unsigned int percent : {100u, 1u}) {
		SnapshotFixture fixture;
		auto &snap = fixture.add("P 8");
		fixture.world.copy_throttle = percent;
		/* The clock of a world does not begin at 0. */
		fixture.world.run_for(2'000'000'000);
		uint64_t before = fixture.world.now_ns();
		for (uint64_t n = 0; n < 500; n++)
			EXPECT_EQ(fixture.write(n * 8, 8), 0);
		took[percent == 1] = fixture.world.now_ns() - before;
		EXPECT_TRUE(fixture.right(snap));
	}
	/* 20 us of copying each; half a second of idle time is credited. */
	EXPECT_GT(took[1], 500 * 20'000u * 100 - 500'000'000u - took[0]);
}

} // namespace
} // namespace dmsnap::test
