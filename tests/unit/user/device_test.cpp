// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include "support/pattern.hpp"
#include "unit/user/disk.hpp"
#include "user/world.hpp"

namespace dmsnap::user {
namespace {

using test::Pattern;
using Keep = CrashPolicy::Keep;

TEST(Device, a_read_sees_what_was_written_before_any_flush)
{
	World world;
	Disk disk(world);
	EXPECT_EQ(disk.write(1, 5, 13), 0);
	auto read = disk.start(Op::read, 5, 13, std::vector<uint8_t>(13 * 512));
	EXPECT_EQ(disk.wait(read), 0);
	EXPECT_TRUE((Pattern{0, 1}.matches(5, read->data)));
}

TEST(Device, the_nth_io_fails_and_leaves_the_old_content)
{
	World world;
	Disk disk(world);
	disk.device.fail_nth(Op::write, 2);
	EXPECT_EQ(disk.write(1, 0, 8), 0);
	EXPECT_EQ(disk.write(2, 0, 8), -5);
	EXPECT_TRUE(holds(disk.device.content(), 1, 0, 8));
	EXPECT_EQ(disk.write(3, 0, 8), 0);
}

TEST(Device, io_that_touches_a_bad_range_fails_each_time)
{
	World world;
	Disk disk(world);
	disk.device.fail_range(Op::read, 10, 2, -61);
	EXPECT_EQ(disk.wait(disk.start(Op::read, 8, 2, std::vector<uint8_t>(1024))), 0);
	EXPECT_EQ(disk.wait(disk.start(Op::read, 11, 2, std::vector<uint8_t>(1024))), -61);
	EXPECT_EQ(disk.wait(disk.start(Op::read, 11, 2, std::vector<uint8_t>(1024))), -61);
	disk.device.clear_faults();
	EXPECT_EQ(disk.wait(disk.start(Op::read, 11, 2, std::vector<uint8_t>(1024))), 0);
}

TEST(Device, a_write_whose_preflush_fails_never_reaches_the_medium)
{
	World world;
	Disk disk(world);
	disk.device.fail_nth(Op::flush, 1);
	EXPECT_EQ(disk.write(1, 0, 1, DMSNAP_IO_PREFLUSH), -5);
	EXPECT_TRUE(holds(disk.device.crash_image({Keep::everything}), 0, 0, 1));
}

TEST(Device, io_past_the_end_fails_also_after_shrinking)
{
	World world;
	Disk disk(world);
	EXPECT_EQ(disk.write(1, 1020, 8), -5);
	EXPECT_EQ(disk.write(1, UINT64_MAX - 1, 8), -5);
	EXPECT_EQ(disk.write(1, 1016, 8), 0);
	disk.device.resize(1020);
	EXPECT_EQ(disk.write(2, 1016, 8), -5);
	disk.device.resize(2048);
	EXPECT_TRUE(holds(disk.device.content(), 1, 1016, 4));
	EXPECT_TRUE(holds(disk.device.content(), 0, 1020, 4));
	EXPECT_EQ(disk.write(2, 2040, 8), 0);
}

TEST(Device, held_io_waits_for_the_test)
{
	World world;
	Disk disk(world);
	disk.device.hold(Op::write);
	auto held = disk.start_write(1, 0, 1);
	world.run_until_idle();
	EXPECT_FALSE(held->done);
	EXPECT_EQ(disk.device.held(), 1u);
	disk.device.release();
	EXPECT_EQ(disk.wait(held), 0);
}

TEST(Device, one_that_hangs_ends_nothing_and_all_of_it_when_it_wakes_up)
{
	World world;
	Disk disk(world);
	auto before = disk.start_write(1, 0, 8);
	disk.device.hang();
	auto after = disk.start(Op::flush, 0, 0);
	world.run_until_idle();
	EXPECT_FALSE(before->done || after->done);
	disk.device.wake_up();
	EXPECT_EQ(disk.wait(before), 0);
	EXPECT_EQ(disk.wait(after), 0);
	EXPECT_TRUE(holds(disk.device.content(), 1, 0, 8));
}

TEST(Device, one_that_vanishes_fails_all_io_also_in_flight_until_the_next_power_on)
{
	for (bool hangs : {false, true}) {
		World world;
		Disk disk(world);
		disk.write(1, 0, 8, DMSNAP_IO_FUA);
		auto write = disk.start_write(2, 0, 8);
		auto flush = disk.start(Op::flush, 0, 0);
		if (hangs) {
			disk.device.hang();
			world.run_until_idle();
		}
		disk.device.vanish();
		EXPECT_EQ(disk.device.sectors(), 0u);
		EXPECT_EQ(disk.wait(write), -5);
		EXPECT_EQ(disk.wait(flush), -5);
		EXPECT_EQ(disk.write(3, 0, 8), -5);
		EXPECT_EQ(disk.wait(disk.start(Op::flush, 0, 0)), -5);
		EXPECT_EQ(disk.device.open(), -6);
		EXPECT_TRUE(holds(disk.device.crash_image({Keep::nothing}), 1, 0, 8));
		EXPECT_TRUE(holds(disk.device.crash_image({Keep::everything}), 2, 0, 8));
		disk.device.crash({Keep::nothing});
		disk.device.power_on();
		EXPECT_EQ(disk.device.sectors(), 1024u);
		EXPECT_EQ(disk.write(3, 0, 8), 0);
	}
}

TEST(Device, io_in_flight_after_a_new_end_fails)
{
	World world;
	Disk disk(world);
	auto write = disk.start_write(1, 1000, 8);
	auto read = disk.start(Op::read, 1004, 8, std::vector<uint8_t>(8 * 512));
	disk.device.resize(1004);
	EXPECT_EQ(disk.wait(write), -5);
	EXPECT_EQ(disk.wait(read), -5);
}

TEST(Device, a_submitter_without_a_tag_sleeps_until_an_io_has_ended)
{
	World world;
	Disk disk(world, {.name = "disk", .sectors = 64, .tags = 2});
	std::vector<Disk::Handle> writes;
	world.spawn("writer", [&] {
		for (uint64_t n = 0; n < 4; n++)
			writes.push_back(disk.start_write(1, n * 8, 8));
	});
	disk.device.hang();
	world.run_until_idle();
	EXPECT_EQ(writes.size(), 2u);
	EXPECT_EQ(disk.device.in_flight(), 3u);
	disk.device.wake_up();
	world.run_until_idle();
	ASSERT_EQ(writes.size(), 4u);
	EXPECT_TRUE(holds(disk.device.content(), 1, 0, 32));
}

TEST(Device, what_finds_no_tag_and_must_not_sleep_is_sent_when_there_is_one)
{
	World world;
	Disk disk(world, {.name = "disk", .sectors = 64, .tags = 1});
	auto first = disk.start_write(1, 0, 8);
	Disk::Handle second, third;
	world.complete_at(world.now_ns(), [&] {
		second = disk.start_write(2, 0, 8);
		third = disk.start_write(3, 0, 4);
	});
	world.run_until_idle();
	EXPECT_TRUE(first->done && second->done && third->done);
	EXPECT_TRUE(holds(disk.device.content(), 3, 0, 4));
	EXPECT_TRUE(holds(disk.device.content(), 2, 4, 4));
}

TEST(Device, the_bus_takes_its_time_for_each_sector_of_one_io_after_the_other)
{
	World world;
	Disk disk(world, {.name = "disk", .sectors = 64, .latency_ns = 10, .sector_ns = 100});
	uint64_t begin = world.now_ns();
	auto one = disk.start_write(1, 0, 8);
	auto two = disk.start_write(1, 8, 8);
	EXPECT_EQ(disk.wait(one), 0);
	EXPECT_EQ(world.now_ns() - begin, 810u);
	EXPECT_EQ(disk.wait(two), 0);
	EXPECT_EQ(world.now_ns() - begin, 1610u);
}

TEST(Device, takes_whole_logical_blocks_only)
{
	World world;
	Disk disk(world, {.name = "disk", .sectors = 64, .block_sectors = 8});
	EXPECT_EQ(disk.write(1, 4, 8), -5);
	EXPECT_EQ(disk.write(1, 8, 4), -5);
	EXPECT_EQ(disk.write(1, 8, 16), 0);
	EXPECT_TRUE(holds(disk.device.content(), 1, 8, 16));
}

TEST(Device, what_it_does_not_support_changes_nothing)
{
	World world;
	Disk disk(world, {.name = "disk", .sectors = 64, .zeroes = false, .discards = false});
	disk.write(1, 0, 8);
	EXPECT_EQ(disk.wait(disk.start(Op::zero, 0, 8)), -95);
	EXPECT_EQ(disk.wait(disk.start(Op::discard, 0, 8)), -95);
	EXPECT_TRUE(holds(disk.device.crash_image({Keep::everything}), 1, 0, 8));
}

TEST(Device, zero_and_discard_clear_the_range)
{
	World world;
	Disk disk(world);
	disk.write(1, 0, 32);
	EXPECT_EQ(disk.wait(disk.start(Op::zero, 3, 10)), 0);
	EXPECT_EQ(disk.wait(disk.start(Op::discard, 20, 4)), 0);
	EXPECT_TRUE(holds(disk.device.content(), 1, 0, 3));
	EXPECT_TRUE(holds(disk.device.content(), 0, 3, 10));
	EXPECT_TRUE(holds(disk.device.content(), 1, 13, 7));
	EXPECT_TRUE(holds(disk.device.content(), 0, 20, 4));
	EXPECT_TRUE(holds(disk.device.content(), 1, 24, 8));
}

TEST(Device, counts_and_logs_what_it_was_asked_for)
{
	World world;
	Disk disk(world);
	disk.write(1, 0, 8, DMSNAP_IO_PREFLUSH | DMSNAP_IO_FUA);
	disk.write(1, 8, 2);
	disk.flush();
	EXPECT_EQ(disk.device.counters().writes, 2u);
	EXPECT_EQ(disk.device.counters().written_sectors, 10u);
	EXPECT_EQ(disk.device.counters().fua_writes, 1u);
	EXPECT_EQ(disk.device.counters().flushes, 2u);
	ASSERT_EQ(disk.device.log().size(), 3u);
	EXPECT_EQ(disk.device.log()[1].sector, 8u);
	EXPECT_EQ(disk.device.log()[2].op, Op::flush);
	EXPECT_EQ(disk.device.in_flight(), 0u);
}

TEST(Device, is_found_by_name_path_and_number)
{
	World world;
	Device &one = world.add_device({.name = "one", .sectors = 8});
	Device &two = world.add_device({.name = "two", .sectors = 8});
	EXPECT_EQ(world.find_device("one"), &one);
	EXPECT_EQ(world.find_device("/dev/two"), &two);
	EXPECT_EQ(world.find_device("252:1"), &two);
	EXPECT_EQ(world.find_device("three"), nullptr);
	EXPECT_NE(one.id(), two.id());
}

} // namespace
} // namespace dmsnap::user
