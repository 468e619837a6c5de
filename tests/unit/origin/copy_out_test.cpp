// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes to an origin: what they cost, and in which order things become durable.
 */
#include <gtest/gtest.h>

#include "unit/snapshot/bench.hpp"
#include "user/memory.hpp"

namespace dmsnap::test {
namespace {

using user::Device;
using user::IoRecord;
using user::Mapped;
using user::Memory;
using user::Op;

constexpr unsigned int durable = DMSNAP_IO_PREFLUSH | DMSNAP_IO_FUA;

/* Every one that is not metadata. */
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
	Bench bench;
	for (int n = 0; n < 5; n++)
		bench.add("P 8");
	bench.disk.reset_log();
	ASSERT_EQ(bench.write(16, 8), 0);
	EXPECT_EQ(bench.disk.counters().reads, 1u);
	EXPECT_EQ(bench.disk.counters().read_sectors, 8u);
	for (auto &snap : bench.snaps) {
		EXPECT_EQ(data_writes(snap->cow).size(), 1u);
		EXPECT_EQ(snap->cow.counters().fua_writes, 1u);
		EXPECT_TRUE(bench.right(*snap));
	}
}

TEST(CopyOut, different_chunk_sizes_share_the_read_of_the_largest)
{
	Bench bench;
	auto &small = bench.add("P 8");
	auto &large = bench.add("P 128");
	auto &least = bench.add("N 1");
	bench.disk.reset_log();
	ASSERT_EQ(bench.write(131, 2), 0);
	EXPECT_EQ(bench.disk.counters().reads, 1u);
	EXPECT_EQ(bench.disk.counters().read_sectors, 128u);
	EXPECT_EQ(data_writes(small.cow)[0].sectors, 8u);
	EXPECT_EQ(data_writes(large.cow)[0].sectors, 128u);
	EXPECT_EQ(data_writes(least.cow)[0].sectors, 2u);
	for (auto &snap : bench.snaps)
		EXPECT_TRUE(bench.right(*snap));
}

TEST(CopyOut, an_unreadable_sector_costs_those_only_who_lack_it)
{
	Bench bench;
	auto &has_it = bench.add("P 8");
	ASSERT_EQ(bench.write(64, 8), 0);
	auto &lacks_it = bench.add("P 8");
	auto &lacks_more = bench.add("P 64");
	bench.disk.fail_range(Op::read, 70, 1);
	EXPECT_EQ(bench.write(0, 64), 0);
	EXPECT_EQ(bench.write(64, 64), 0);
	EXPECT_EQ(lacks_it.mapped.status(), "Invalid");
	EXPECT_EQ(lacks_more.mapped.status(), "Invalid");
	bench.disk.clear_faults();
	EXPECT_TRUE(bench.right(has_it));
	bench.crash();
	EXPECT_TRUE(bench.right(has_it));
}

/* An origin of small blocks that ends inside one of the COW device's. */
TEST(CopyOut, the_last_chunk_fills_a_block_of_the_cow_device)
{
	for (uint32_t chunk : {16u, 64u, 1024u}) {
		Bench bench(4096 + 13);
		Device &cow = bench.world.add_device(
			{.name = "cow4k", .sectors = 1 << 14, .block_sectors = 8});
		Mapped snap("snapshot");
		/* dm takes no table of a length that is none of its blocks. */
		ASSERT_EQ(snap.create(user::TargetType::snapshot, 4104,
				      "disk cow4k P " + std::to_string(chunk)),
			  0);
		std::vector<uint8_t> before = bench.disk.peek(0, bench.sectors);
		ASSERT_EQ(bench.write(4096, 8), 0);
		EXPECT_EQ(snap.read(4096, 8), std::vector<uint8_t>(before.begin() + 4096 * 512,
								   before.begin() + 4104 * 512));
		EXPECT_NE(snap.status(), "Invalid");
		EXPECT_GT(data_writes(cow).size(), 0u);
	}
}

TEST(CopyOut, a_write_to_the_last_chunk_of_a_snapshot_fills_a_block_of_the_cow_device)
{
	for (uint64_t begin : {4096u, 4088u, 4064u}) {
		Bench bench(4096 + 13);
		bench.world.add_device({.name = "cow4k", .sectors = 1 << 14, .block_sectors = 8});
		Mapped snap("snapshot");
		ASSERT_EQ(snap.create(user::TargetType::snapshot, 4104, "disk cow4k P 64"), 0);
		std::vector<uint8_t> whole = bench.disk.peek(0, 4104);
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
	Bench bench;
	auto &snap = bench.add("P 8");
	std::vector<Mapped::Handle> writes;
	for (uint64_t n = 0; n < 16; n++)
		writes.push_back(bench.start_write(n * 8, 8));
	for (auto &write : writes)
		EXPECT_EQ(bench.origin.wait(write), 0);
	EXPECT_EQ(bench.disk.counters().reads, 1u);
	EXPECT_EQ(data_writes(snap.cow).size(), 1u);
	EXPECT_EQ(snap.cow.counters().fua_writes, 1u);
	EXPECT_TRUE(bench.right(snap));
}

TEST(CopyOut, a_long_write_is_copied_in_long_pieces)
{
	Bench bench;
	auto &snap = bench.add("P 8");
	ASSERT_EQ(bench.write(0, 2048), 0);
	EXPECT_EQ(bench.disk.counters().reads, 4u);
	EXPECT_EQ(bench.disk.counters().read_sectors, 2048u);
	EXPECT_EQ(data_writes(snap.cow).size(), 4u);
	EXPECT_LE(snap.cow.counters().fua_writes, 2u);
	EXPECT_EQ(bench.disk.counters().writes, 1u);
	EXPECT_TRUE(bench.right(snap));
}

TEST(CopyOut, what_is_copied_is_written_in_one_io_and_costs_nothing)
{
	Bench bench;
	auto &snap = bench.add("P 8");
	ASSERT_EQ(bench.write(0, 2048), 0);
	bench.disk.reset_log();
	snap.cow.reset_log();
	ASSERT_EQ(bench.write(0, 2048), 0);
	EXPECT_EQ(bench.disk.log().size(), 1u);
	EXPECT_EQ(snap.cow.log().size(), 0u);
}

TEST(CopyOut, a_write_is_cut_where_copying_begins)
{
	Bench bench;
	auto &snap = bench.add("P 8");
	ASSERT_EQ(bench.write(0, 8), 0);
	bench.disk.reset_log();
	ASSERT_EQ(bench.write(0, 16), 0);
	EXPECT_EQ(bench.disk.counters().read_sectors, 8u);
	EXPECT_TRUE(bench.right(snap));
}

TEST(CopyOut, an_origin_without_snapshots_passes_everything_on)
{
	Bench bench;
	ASSERT_EQ(bench.write(3, 2048), 0);
	bench.origin.read(0, 4096);
	ASSERT_EQ(bench.origin.flush(), 0);
	ASSERT_EQ(bench.disk.log().size(), 3u);
	EXPECT_EQ(bench.disk.counters().flushes, 1u);
}

TEST(CopyOut, the_exception_is_durable_before_the_origin_is_written)
{
	Bench bench;
	auto &snap = bench.add("P 8");
	ASSERT_EQ(bench.write(0, 8), 0);

	const IoRecord *entry = nullptr;
	for (const IoRecord &io : snap.cow.log())
		if (io.flags & DMSNAP_IO_META && io.op == Op::write)
			entry = &io;
	ASSERT_NE(entry, nullptr);
	EXPECT_EQ(entry->flags & durable, durable);
	const IoRecord data = data_writes(snap.cow).at(0);
	const IoRecord &write = bench.disk.log().back();
	const auto &speed = snap.cow.options();
	EXPECT_GE(entry->submitted_ns, data.submitted_ns + speed.latency_ns);
	EXPECT_GE(write.submitted_ns, entry->submitted_ns + speed.flush_ns + speed.latency_ns);
}

TEST(CopyOut, concurrent_writes_share_commits)
{
	Bench bench(65536);
	auto &snap = bench.add("P 8", 131072);
	std::vector<Mapped::Handle> writes;
	for (uint64_t n = 0; n < 256; n++)
		writes.push_back(bench.start_write(n * 37 % 256 * 256, 8));
	for (auto &write : writes)
		EXPECT_EQ(bench.origin.wait(write), 0);
	EXPECT_EQ(bench.disk.counters().reads, 256u);
	EXPECT_LE(snap.cow.counters().fua_writes, 16u);
	EXPECT_EQ(snap.cow.counters().flushes, snap.cow.counters().fua_writes);
}

TEST(CopyOut, a_slow_snapshot_does_not_hold_back_the_commit_of_another)
{
	Bench bench;
	auto &fast = bench.add("P 8");
	auto &slow = bench.add("P 8");
	slow.cow.hold_all();
	auto write = bench.start_write(0, 8);
	bench.world.settle();
	EXPECT_EQ(fast.cow.counters().fua_writes, 1u);
	EXPECT_EQ(bench.disk.counters().writes, 0u);
	EXPECT_FALSE(write->done);
	slow.cow.release();
	EXPECT_EQ(bench.origin.wait(write), 0);
	EXPECT_TRUE(bench.right(fast));
	EXPECT_TRUE(bench.right(slow));
}

TEST(CopyOut, a_write_waits_for_reads_of_the_snapshot_that_see_the_origin)
{
	Bench bench;
	auto &snap = bench.add("P 8");
	bench.disk.hold(Op::read);
	auto read = snap.mapped.start_read(0, 8);
	bench.world.settle();
	ASSERT_EQ(bench.disk.held(), 1u);
	/* The snapshot gets the chunk without a read of the origin. */
	ASSERT_EQ(bench.write(snap, 0, 8), 0);
	auto write = bench.start_write(0, 8);
	bench.world.run_for(5'000'000'000);
	EXPECT_FALSE(write->done);
	EXPECT_EQ(bench.disk.counters().writes, 0u);
	bench.disk.release();
	EXPECT_EQ(bench.origin.wait(write), 0);
	EXPECT_TRUE(read->done);
	EXPECT_TRUE((Pattern{1, 1}.matches(0, read->data)));
}

TEST(CopyOut, a_write_does_not_wait_for_reads_of_other_chunks)
{
	Bench bench;
	auto &snap = bench.add("P 8");
	bench.disk.hold(Op::read);
	auto read = snap.mapped.start_read(2048, 1024);
	bench.world.settle();
	ASSERT_EQ(bench.disk.held(), 1u);
	/* The snapshot gets the chunk without a read of the origin. */
	ASSERT_EQ(bench.write(snap, 0, 8), 0);
	auto write = bench.start_write(0, 8);
	bench.world.settle();
	EXPECT_TRUE(write->done);
	EXPECT_FALSE(read->done);
	bench.disk.release();
	EXPECT_EQ(snap.mapped.wait(read), 0);
	EXPECT_TRUE(bench.right(snap));
}

TEST(CopyOut, a_read_on_its_way_when_the_snapshot_is_lost_fails)
{
	Bench bench;
	/* Room for one chunk. */
	auto &snap = bench.add("P 8", 3 * 8);
	ASSERT_EQ(bench.write(800, 8), 0);
	bench.disk.hold(Op::read);
	auto read = snap.mapped.start_read(0, 8);
	auto other = snap.mapped.start_read(80, 8);
	bench.world.settle();
	ASSERT_EQ(bench.disk.held(), 2u);
	EXPECT_EQ(bench.write(0, 8), 0);
	ASSERT_EQ(snap.mapped.status(), "Invalid");
	bench.disk.release();
	EXPECT_NE(snap.mapped.wait(read), 0);
	EXPECT_NE(snap.mapped.wait(other), 0);
}

TEST(CopyOut, later_reads_of_the_snapshot_do_not_hold_back_a_write)
{
	Bench bench;
	auto &snap = bench.add("P 8");
	ASSERT_EQ(bench.write(snap, 0, 8), 0);
	bench.disk.hold(Op::read);
	auto read = snap.mapped.start_read(8, 8);
	ASSERT_EQ(snap.mapped.flush(), 0);
	bench.disk.release();
	EXPECT_EQ(bench.write(0, 8), 0);
	EXPECT_EQ(snap.mapped.wait(read), 0);
}

TEST(CopyOut, a_cow_device_that_fails_costs_its_snapshot_only)
{
	Bench bench;
	auto &bad = bench.add("P 8");
	auto &good = bench.add("P 8");
	bad.cow.fail_nth(Op::write, 1);
	EXPECT_EQ(bench.write(0, 8), 0);
	EXPECT_EQ(bad.mapped.status(), "Invalid");
	EXPECT_EQ(bad.mapped.events(), 1u);
	EXPECT_TRUE(bench.world.log_holds("Invalidating snapshot: Error reading/writing."));
	EXPECT_EQ(good.mapped.events(), 0u);
	EXPECT_TRUE(bench.right(good));
}

TEST(CopyOut, an_origin_that_cannot_be_read_costs_the_snapshots)
{
	Bench bench;
	auto &snap = bench.add("P 8");
	bench.disk.fail_nth(Op::read, 1);
	EXPECT_EQ(bench.write(0, 8), 0);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
}

TEST(CopyOut, the_invalid_mark_is_durable_before_the_write_goes)
{
	Bench bench;
	auto &snap = bench.add("P 8");
	snap.cow.fail_nth(Op::write, 1);
	auto write = bench.start_write(0, 8);
	bench.world.run_until([&] { return snap.cow.counters().writes == 1; });
	snap.cow.hold(Op::write);
	bench.world.settle();
	ASSERT_EQ(snap.cow.held(), 1u);
	const IoRecord &mark = snap.cow.log().back();
	EXPECT_EQ(mark.sector, 0u);
	EXPECT_EQ(mark.flags & durable, durable);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
	EXPECT_FALSE(write->done);
	EXPECT_EQ(bench.disk.counters().writes, 0u);
	snap.cow.release();
	EXPECT_EQ(bench.origin.wait(write), 0);
	bench.crash();
	EXPECT_EQ(snap.mapped.status(), "Invalid");
}

TEST(CopyOut, a_lost_entry_holds_back_the_write_until_the_mark_is_durable)
{
	Bench bench;
	auto &snap = bench.add("P 8");
	ASSERT_EQ(bench.write(snap, 0, 8), 0);
	snap.cow.fail_nth(Op::write, 1);
	uint64_t before = snap.cow.counters().writes;
	auto flush = snap.mapped.start_flush();
	bench.world.run_until([&] { return snap.cow.counters().writes > before; });
	snap.cow.hold(Op::write);
	bench.world.settle();
	ASSERT_EQ(snap.cow.held(), 1u);
	EXPECT_TRUE(flush->done);
	EXPECT_NE(flush->error, 0);
	/* A crash now would leave a store that is valid and lacks the chunk. */
	auto write = bench.start_write(0, 8);
	bench.world.settle();
	EXPECT_FALSE(write->done);
	EXPECT_EQ(bench.disk.counters().writes, 0u);
	snap.cow.release();
	EXPECT_EQ(bench.origin.wait(write), 0);
}

TEST(CopyOut, a_snapshot_shorter_than_the_origin_lacks_nothing_behind_its_end)
{
	Bench bench;
	auto &snap = bench.add("P 8", 16384, 100);
	ASSERT_EQ(bench.write(104, 1000), 0);
	EXPECT_EQ(bench.disk.counters().reads, 0u);
	ASSERT_EQ(bench.write(90, 500), 0);
	EXPECT_LE(bench.disk.counters().read_sectors, 16u);
	EXPECT_TRUE(bench.right(snap));
}

TEST(CopyOut, the_last_chunk_may_reach_over_the_end_of_the_origin)
{
	Bench bench(1001);
	auto &snap = bench.add("P 16");
	ASSERT_EQ(bench.write(1000, 1), 0);
	EXPECT_EQ(bench.disk.counters().read_sectors, 9u);
	EXPECT_TRUE(bench.right(snap));
}

/* The stretch begins with a chunk of 2 KiB; the other snapshot's device takes blocks of 4. */
TEST(CopyOut, a_long_copy_is_cut_where_blocks_of_all_devices_end)
{
	Bench bench(8192);
	auto &small = bench.add("P 4");
	Device &cow =
		bench.world.add_device({.name = "cow4k", .sectors = 1 << 14, .block_sectors = 8});
	Mapped large("large");
	ASSERT_EQ(large.create(user::TargetType::snapshot, 8192, "disk cow4k P 8"), 0);
	FrozenImage frozen(bench.disk.content(), 8192);
	ASSERT_EQ(bench.write(4, 4000), 0);
	/* So that only the small one needs the first chunk of the second write. */
	ASSERT_EQ(bench.write(4096, 8), 0);
	ASSERT_EQ(bench.write(4108, 4000), 0);
	EXPECT_EQ(large.status().find("Invalid"), std::string::npos);
	EXPECT_TRUE(frozen.matches_all(
		[&](uint64_t sector, uint64_t count) { return large.read(sector, count); }));
	EXPECT_TRUE(bench.right(small));
	EXPECT_EQ(cow.in_flight(), 0u);
}

/* As the disk of a machine is that somebody has unplugged. */
TEST(CopyOut, an_origin_that_has_gone_costs_the_snapshot_and_no_writer)
{
	for (uint64_t sector : {0, 3, 2000}) {
		Bench bench;
		auto &snap = bench.add("P 8");
		bench.disk.resize(0);
		auto write = bench.start_write(sector, 8);
		bench.world.settle();
		ASSERT_TRUE(write->done) << sector;
		EXPECT_EQ(write->error, -5);
		EXPECT_EQ(snap.mapped.status(), "Invalid");
	}
}

TEST(CopyOut, an_origin_that_is_shorter_now_costs_the_snapshot)
{
	/* Behind the new end; over it; in a chunk that reaches over it. */
	for (uint64_t sector : {1500, 1020, 992}) {
		Bench bench;
		auto &snap = bench.add("P 128");
		bench.disk.resize(1024 - 24);
		auto write = bench.start_write(sector, 8);
		bench.world.settle();
		ASSERT_TRUE(write->done) << sector;
		EXPECT_EQ(write->error, sector + 8 <= 1000 ? 0 : -5);
		EXPECT_EQ(snap.mapped.status(), "Invalid") << sector;
	}
}

/* What the write does not cover of its chunk can no longer be had. */
TEST(CopyOut, a_snapshot_write_over_an_origin_that_has_gone_fails)
{
	Bench bench;
	auto &snap = bench.add("P 8");
	bench.disk.resize(0);
	EXPECT_EQ(bench.write(snap, 16, 4), -5);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
}

/* Chunks 0 of both snapshots, then chunk 1 that only the second one lacks. */
TEST(CopyOut, a_write_that_is_stuck_holds_back_none_that_needs_another_snapshot)
{
	Bench bench;
	auto &failing = bench.add("P 8");
	ASSERT_EQ(bench.write(8, 8), 0);
	auto &other = bench.add("P 8");
	failing.cow.reset_log();
	failing.cow.fail_nth(Op::write, 1);
	auto stuck = bench.start_write(0, 8);
	bench.world.run_until([&] { return failing.cow.counters().writes == 1; });
	failing.cow.hold_all();
	bench.world.settle();
	EXPECT_FALSE(stuck->done);

	auto write = bench.start_write(8, 8);
	bench.world.settle();
	ASSERT_TRUE(write->done);
	EXPECT_EQ(write->error, 0);
	failing.cow.release();
	EXPECT_EQ(bench.origin.wait(stuck), 0);
	EXPECT_TRUE(bench.right(other));
	EXPECT_EQ(failing.mapped.status(), "Invalid");
}

/* One copy for two writes, of which only the first needs the snapshot that hangs. */
TEST(CopyOut, a_write_waits_for_the_runs_that_it_needs_alone)
{
	Bench bench;
	auto &hung = bench.add("P 8");
	ASSERT_EQ(bench.write(8, 8), 0);
	auto &other = bench.add("P 8");
	hung.cow.hold_all();
	auto first = bench.start_write(0, 8);
	auto second = bench.start_write(8, 8);
	bench.world.settle();
	EXPECT_EQ(bench.disk.counters().reads, 1u) << "they were not copied together";
	EXPECT_FALSE(first->done);
	EXPECT_TRUE(second->done);
	/* Its own writes and reads go on as well. */
	auto own = other.mapped.start_write(0, bench.fresh(0, 8));
	bench.world.settle();
	EXPECT_TRUE(own->done);
	other.frozen.write(0, own->data);
	hung.cow.release();
	EXPECT_EQ(bench.origin.wait(first), 0);
	EXPECT_TRUE(bench.right(hung));
	EXPECT_TRUE(bench.right(other));
}

/* What it waited for was a copy for that snapshot; nobody needs it any more. */
TEST(CopyOut, a_write_does_not_wait_for_a_snapshot_that_is_being_removed)
{
	Bench bench;
	auto &hung = bench.add("P 8");
	auto &other = bench.add("P 8");
	hung.cow.hold_all();
	auto write = bench.start_write(0, 8);
	bench.world.settle();
	EXPECT_FALSE(write->done);
	bool removed = false;
	bench.world.spawn("removal", [&] {
		hung.mapped.remove();
		removed = true;
	});
	bench.world.settle();
	EXPECT_TRUE(write->done);
	EXPECT_FALSE(removed);
	hung.cow.release();
	bench.world.settle();
	EXPECT_TRUE(removed);
	EXPECT_TRUE(bench.right(other));
}

TEST(CopyOut, a_low_threshold_lets_all_writes_end)
{
	Bench bench;
	auto &one = bench.add("P 8");
	auto &two = bench.add("N 16");
	bench.world.cow_threshold = 1;
	std::vector<Mapped::Handle> writes;
	for (uint64_t n = 0; n < 100; n++)
		writes.push_back(bench.start_write(n * 40 % 4000, 9));
	for (auto &write : writes)
		EXPECT_EQ(bench.origin.wait(write), 0);
	EXPECT_TRUE(bench.right(one));
	EXPECT_TRUE(bench.right(two));
}

TEST(CopyOut, no_more_chunks_than_the_threshold_are_in_flight)
{
	Bench bench;
	auto &snap = bench.add("P 8");
	bench.world.cow_threshold = 10;
	snap.cow.hold(Op::write);
	std::vector<Mapped::Handle> writes;
	for (uint64_t n = 0; n < 100; n++)
		writes.push_back(bench.start_write(n * 40, 8));
	bench.world.settle();
	EXPECT_EQ(bench.disk.counters().reads, 11u);
	snap.cow.release();
	for (auto &write : writes)
		EXPECT_EQ(bench.origin.wait(write), 0);
	EXPECT_EQ(bench.disk.counters().reads, 100u);
	EXPECT_TRUE(bench.right(snap));
}

TEST(CopyOut, partial_snapshot_writes_over_the_threshold_wait_for_no_timer)
{
	Bench bench;
	auto &snap = bench.add("P 8");
	bench.world.cow_threshold = 1;
	uint64_t before = bench.world.now_ns();
	std::vector<Mapped::Handle> writes;
	for (uint64_t n = 0; n < 50; n++)
		writes.push_back(snap.mapped.start_write(n * 8 + 1, bench.fresh(n * 8 + 1, 2)));
	for (auto &write : writes)
		EXPECT_EQ(snap.mapped.wait(write), 0);
	EXPECT_LT(bench.world.now_ns() - before, 500'000'000u);
}

/*
 * Single chunks in no order fill the table's leaves one by one, until it has nothing left
 * of what it holds back.
 */
TEST(CopyOut, without_memory_for_good_costs_the_snapshot_and_no_write)
{
	constexpr uint64_t chunks = 1 << 15;
	Bench bench(2 * chunks);
	/* So many chunks that their numbers take 8 bytes in the table. */
	auto &snap = bench.add("N 1", uint64_t{1} << 31);
	Memory::instance().fail_nowait_from(0);
	uint64_t writes = 0;
	for (; writes < chunks && snap.mapped.status() != "Invalid"; writes++)
		ASSERT_EQ(bench.write(writes * 0x9e3779b1 % chunks * 2, 1), 0);
	EXPECT_GT(writes, 1000u);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
	EXPECT_TRUE(bench.world.log_holds("is invalid: no memory"));
	Memory::instance().fail_nothing();
}

TEST(CopyOut, the_throttle_makes_copies_slower)
{
	uint64_t took[2];
	for (unsigned int percent : {100u, 1u}) {
		Bench bench;
		auto &snap = bench.add("P 8");
		bench.world.copy_throttle = percent;
		/* The clock of a world does not begin at 0. */
		bench.world.run_for(2'000'000'000);
		uint64_t before = bench.world.now_ns();
		for (uint64_t n = 0; n < 500; n++)
			EXPECT_EQ(bench.write(n * 8, 8), 0);
		took[percent == 1] = bench.world.now_ns() - before;
		EXPECT_TRUE(bench.right(snap));
	}
	/* 20 us of copying each; half a second of idle time is put to account. */
	EXPECT_GT(took[1], 500 * 20'000u * 100 - 500'000'000u - took[0]);
}

} // namespace
} // namespace dmsnap::test
