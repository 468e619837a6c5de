// SPDX-License-Identifier: GPL-2.0-only
/*
 * The prototype of write-back copy-out behaves as Documentation/decisions/0016 says, and the study
 * would notice if it did not.
 */
#include <gtest/gtest.h>

#include "sim/studies/loads.hpp"
#include "sim/studies/power_cuts.hpp"
#include "support/history.hpp"

namespace dmsnap::sim::studies {
namespace {

using test::stamped;
using user::Op;

constexpr uint64_t disk_sectors = 1024;

struct Rig {
	explicit Rig(WriteBack::Options options = {})
	    : volume(std::make_unique<WriteBack>(world, disk, cow, options))
	{
		disk.poke(0, stamped(1, 0, disk_sectors));
		world.run_for(1'000'000);
		disk.reset_log();
		cow.reset_log();
	}

	int write(uint64_t page, test::Stamp stamp, bool fua = false)
	{
		return volume->write(page * 8, stamped(stamp, page * 8, 8), fua);
	}
	test::Stamp read(uint64_t page)
	{
		std::vector<uint8_t> data(8 * sector_bytes);
		EXPECT_EQ(volume->read(page * 8, data), 0);
		return test::stamp_of(page * 8, data.data());
	}
	test::Stamp on_disk(uint64_t page)
	{
		return test::stamp_of(page * 8, disk.peek(page * 8, 8).data());
	}
	/* What the driver shows after a power cut that loses everything it may lose. */
	test::Stamp in_snapshot(uint64_t page)
	{
		world.crash({});
		volume.reset();
		world.power_on();
		user::Core core;
		user::Mapped snapshot{"snapshot"};
		EXPECT_EQ(snapshot.create(user::TargetType::snapshot, disk_sectors, "disk cow P 8"),
			  0);
		return snapshot.status() == "Invalid"
			       ? 0
			       : test::stamp_of(page * 8, snapshot.read(page * 8, 8).data());
	}

	user::World world;
	user::Device &disk = world.add_device({.name = "disk", .sectors = disk_sectors});
	user::Device &cow = world.add_device({.name = "cow", .sectors = 2048});
	std::unique_ptr<WriteBack> volume;
};

TEST(WriteBack, a_write_ends_before_its_copy_and_is_read_from_memory)
{
	Rig rig;
	uint64_t begun_ns = rig.world.now_ns();
	EXPECT_EQ(rig.write(5, 2), 0);
	EXPECT_EQ(rig.world.now_ns(), begun_ns);
	EXPECT_EQ(rig.disk.counters().writes, 0u);
	EXPECT_EQ(rig.read(5), 2u);
	EXPECT_EQ(rig.read(6), 1u);
	EXPECT_EQ(rig.write(5, 3), 0);
	EXPECT_EQ(rig.read(5), 3u);
	EXPECT_EQ(rig.volume->pages(), 1u);
}

TEST(WriteBack, a_flush_waits_for_all_copies_with_one_commit)
{
	Rig rig;
	for (uint64_t page = 0; page < 64; page += 2)
		rig.write(page, 2);
	rig.world.run_for(10'000'000);
	EXPECT_EQ(rig.cow.counters().fua_writes, 0u);
	EXPECT_EQ(rig.volume->flush(), 0);
	EXPECT_EQ(rig.cow.counters().fua_writes, 1u);
	EXPECT_EQ(rig.volume->pages(), 0u);
	for (uint64_t page = 0; page < 64; page += 2)
		EXPECT_EQ(rig.on_disk(page), 2u);
	EXPECT_EQ(rig.disk.durable(), rig.disk.content());
	EXPECT_EQ(rig.in_snapshot(4), 1u);
}

TEST(WriteBack, a_fua_write_is_durable_when_it_ends)
{
	Rig rig;
	EXPECT_EQ(rig.write(7, 2, true), 0);
	EXPECT_EQ(rig.on_disk(7), 2u);
	EXPECT_EQ(rig.disk.durable(), rig.disk.content());
	EXPECT_EQ(rig.in_snapshot(7), 1u);
}

TEST(WriteBack, what_no_flush_follows_is_written_after_a_time)
{
	Rig rig({.hold_ms = 100});
	rig.write(7, 2);
	rig.world.run_for(50'000'000);
	EXPECT_EQ(rig.on_disk(7), 1u);
	rig.world.run_for(100'000'000);
	EXPECT_EQ(rig.on_disk(7), 2u);
	EXPECT_EQ(rig.volume->pages(), 0u);
}

TEST(WriteBack, a_writer_waits_when_no_page_is_left)
{
	Rig rig({.pages_max = 8});
	for (uint64_t page = 0; page < 128; page++)
		EXPECT_EQ(rig.write(page * 37 % 128, 2), 0);
	EXPECT_LE(rig.volume->pages_peak(), 8u);
	EXPECT_EQ(rig.volume->flush(), 0);
	for (uint64_t page = 0; page < 128; page++)
		EXPECT_EQ(rig.on_disk(page), 2u);
}

TEST(WriteBack, a_page_written_while_it_is_in_flight_is_not_changed)
{
	Rig rig;
	rig.write(7, 2);
	rig.disk.hold(Op::write);
	int flushed = -1;
	rig.world.spawn("flush", [&] { flushed = rig.volume->flush(); });
	rig.world.run_for(10'000'000);
	ASSERT_EQ(rig.disk.held(), 1u);
	rig.write(7, 3);
	EXPECT_EQ(rig.volume->pages(), 2u);
	EXPECT_EQ(rig.read(7), 3u);
	rig.disk.release();
	rig.world.run_until([&] { return flushed != -1; });
	EXPECT_EQ(rig.on_disk(7), 2u);
	EXPECT_EQ(rig.volume->flush(), 0);
	EXPECT_EQ(rig.on_disk(7), 3u);
}

TEST(WriteBack, a_late_error_is_told_by_the_next_flush_once)
{
	Rig rig;
	rig.disk.fail_nth(Op::write, 1);
	EXPECT_EQ(rig.write(7, 2), 0);
	EXPECT_EQ(rig.volume->flush(), -EIO);
	EXPECT_EQ(rig.volume->flush(), 0);
	EXPECT_EQ(rig.in_snapshot(7), 1u);
}

TEST(WriteBack, an_error_of_a_fua_write_is_told_to_its_writer_alone)
{
	Rig rig;
	rig.disk.fail_nth(Op::write, 1);
	EXPECT_EQ(rig.write(7, 2, true), -EIO);
	EXPECT_EQ(rig.volume->flush(), 0);
}

TEST(WriteBack, a_copy_that_fails_costs_the_snapshot_and_nothing_else)
{
	for (auto [device, op] : {std::pair{"disk", Op::read}, {"cow", Op::write}}) {
		Rig rig;
		rig.world.find_device(device)->fail_nth(op, 1);
		EXPECT_EQ(rig.write(7, 2), 0);
		EXPECT_EQ(rig.volume->flush(), 0);
		EXPECT_TRUE(rig.volume->snapshot_lost());
		EXPECT_EQ(rig.on_disk(7), 2u);
		EXPECT_EQ(rig.in_snapshot(7), 0u);
	}
}

TEST(WriteBack, a_commit_that_fails_costs_the_snapshot_and_nothing_else)
{
	Rig rig;
	rig.write(7, 2);
	rig.world.run_for(10'000'000);
	rig.cow.fail_nth(Op::write, 1);
	EXPECT_EQ(rig.volume->flush(), 0);
	EXPECT_TRUE(rig.volume->snapshot_lost());
	EXPECT_EQ(rig.on_disk(7), 2u);
	EXPECT_EQ(rig.in_snapshot(7), 0u);
}

TEST(WriteBack, no_power_cut_loses_what_was_flushed_or_changes_the_snapshot)
{
	for (uint64_t seed = 1; seed <= 100; seed++)
		EXPECT_EQ(cut_power(seed, WriteBack::Defect::none), "") << "seed " << seed;
}

TEST(WriteBack, power_cuts_tell_a_wrong_order)
{
	auto any_wrong = [](WriteBack::Defect defect) {
		std::string wrong;
		for (uint64_t seed = 1; wrong.empty() && seed <= 100; seed++)
			wrong = cut_power(seed, defect);
		return wrong;
	};
	EXPECT_NE(any_wrong(WriteBack::Defect::origin_before_commit).find("of the snapshot"),
		  std::string::npos);
	EXPECT_NE(any_wrong(WriteBack::Defect::flush_waits_for_nothing).find("of the origin"),
		  std::string::npos);
}

/* The measurements behind the decision, with few writes. */
TEST(WriteBack, gains_where_nobody_waits_for_a_flush_and_nothing_elsewhere)
{
	const DeviceKind &kind = device_kinds()[1];
	auto gain = [&kind](size_t load) {
		Seen today = measure(loads()[load], kind, Behind::today, 512);
		Seen write_back = measure(loads()[load], kind, Behind::write_back, 512);
		EXPECT_EQ(today.writes, write_back.writes);
		return write_back.writes_a_second() / today.writes_a_second();
	};
	ASSERT_STREQ(loads()[0].name, "random 4 KiB, one at a time");
	EXPECT_GT(gain(0), 10);
	ASSERT_STREQ(loads()[3].name, "random 4 KiB, fdatasync after each");
	EXPECT_NEAR(gain(3), 1, 0.02);
}

} // namespace
} // namespace dmsnap::sim::studies
