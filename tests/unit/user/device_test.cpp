// SPDX-License-Identifier: GPL-2.0-only
#include <set>
#include <utility>

#include <gtest/gtest.h>

#include "support/pattern.hpp"
#include "support/seed.hpp"
#include "user/device.hpp"
#include "user/failure.hpp"
#include "user/world.hpp"

namespace dmsnap::user {
namespace {

using test::for_seeds;
using test::Pattern;
using Keep = CrashPolicy::Keep;

/* I/O to a device of a world, with the data kept alive. */
struct Disk {
	explicit Disk(World &w, DeviceOptions options = {.name = "disk", .sectors = 1024})
	    : world(w), device(world.add_device(std::move(options)))
	{
	}

	struct Pending {
		std::vector<uint8_t> data;
		bool done = false;
		int error = 0;
	};
	using Handle = std::shared_ptr<Pending>;

	Handle start(Op op, uint64_t sector, uint64_t sectors, std::vector<uint8_t> data = {},
		     unsigned int flags = 0)
	{
		auto pending = std::make_shared<Pending>();
		pending->data = std::move(data);
		DeviceIo io;
		io.op = op;
		io.flags = flags;
		io.sector = sector;
		io.sectors = sectors;
		if (!pending->data.empty())
			io.data.push_back(pending->data);
		io.done = [pending](int error) {
			pending->done = true;
			pending->error = error;
		};
		device.submit(std::move(io));
		return pending;
	}
	Handle start_write(uint32_t generation, uint64_t sector, uint64_t sectors,
			   unsigned int flags = 0)
	{
		return start(Op::write, sector, sectors,
			     Pattern{0, generation}.make(sector, sectors), flags);
	}
	int wait(const Handle &pending)
	{
		EXPECT_TRUE(world.run_until([&] { return pending->done; }));
		return pending->error;
	}
	int write(uint32_t generation, uint64_t sector, uint64_t sectors, unsigned int flags = 0)
	{
		return wait(start_write(generation, sector, sectors, flags));
	}
	int flush() { return wait(start(Op::flush, 0, 0)); }

	World &world;
	Device &device;
};

testing::AssertionResult holds(const Image &image, uint32_t generation, uint64_t sector,
			       uint64_t sectors)
{
	if (generation == 0)
		return test::same_sectors(sector, std::vector<uint8_t>(sectors * 512),
					  image.read(sector, sectors));
	return Pattern{0, generation}.matches(sector, image.read(sector, sectors));
}

TEST(Device, a_read_sees_what_was_written_before_any_flush)
{
	World world;
	Disk disk(world);
	EXPECT_EQ(disk.write(1, 5, 13), 0);
	auto read = disk.start(Op::read, 5, 13, std::vector<uint8_t>(13 * 512));
	EXPECT_EQ(disk.wait(read), 0);
	EXPECT_TRUE((Pattern{0, 1}.matches(5, read->data)));
}

TEST(Device, a_crash_may_lose_a_completed_write_and_not_a_flushed_one)
{
	World world;
	Disk disk(world);
	disk.write(1, 0, 8);
	disk.flush();
	disk.write(2, 0, 4);
	EXPECT_TRUE(holds(disk.device.crash_image({Keep::nothing}), 1, 0, 8));
	Image all = disk.device.crash_image({Keep::everything});
	EXPECT_TRUE(holds(all, 2, 0, 4));
	EXPECT_TRUE(holds(all, 1, 4, 4));
}

TEST(Device, a_flush_covers_only_what_completed_before_its_submission)
{
	World world;
	Disk disk(world, {.name = "disk", .sectors = 64, .latency_ns = 10, .flush_ns = 1000});
	disk.write(1, 0, 1);
	auto flying = disk.start_write(1, 8, 1);
	disk.flush();
	ASSERT_TRUE(flying->done);
	Image left = disk.device.crash_image({Keep::nothing});
	EXPECT_TRUE(holds(left, 1, 0, 1));
	EXPECT_TRUE(holds(left, 0, 8, 1));
}

TEST(Device, a_fua_write_is_durable_when_it_completes_and_nothing_else_is)
{
	World world;
	Disk disk(world);
	disk.write(1, 0, 8);
	disk.write(2, 4, 2, DMSNAP_IO_FUA);
	Image left = disk.device.crash_image({Keep::nothing});
	EXPECT_TRUE(holds(left, 0, 0, 4));
	EXPECT_TRUE(holds(left, 2, 4, 2));
	EXPECT_TRUE(holds(left, 0, 6, 2));
}

TEST(Device, what_fua_has_overwritten_never_comes_back)
{
	for_seeds(100, [](uint64_t seed) {
		World world;
		Disk disk(world);
		disk.write(1, 0, 8);
		disk.write(2, 0, 8, DMSNAP_IO_FUA);
		EXPECT_TRUE(holds(disk.device.crash_image({Keep::some, seed}), 2, 0, 8));
	});
}

TEST(Device, if_any_of_a_preflush_write_survives_all_completed_before_does)
{
	std::set<bool> seen;
	for_seeds(300, [&seen](uint64_t seed) {
		World world({.order = Order::random, .seed = seed});
		Disk disk(world, {.name = "disk", .sectors = 64, .latency_ns = 30, .flush_ns = 30});
		disk.write(1, 0, 4);
		disk.start_write(1, 32, 1, DMSNAP_IO_PREFLUSH | DMSNAP_IO_FUA);
		world.run_for(seed % 80);
		Image left = disk.device.crash_image({Keep::some, seed});
		bool survived = static_cast<bool>(holds(left, 1, 32, 1));
		seen.insert(survived);
		if (survived) {
			EXPECT_TRUE(holds(left, 1, 0, 4));
		}
	});
	EXPECT_TRUE(std::getenv("SEED") || seen.size() == 2) << "one side was never tried";
}

TEST(Device, a_crash_keeps_old_or_new_of_each_sector_and_can_tear_a_write)
{
	bool torn = false, lost = false, kept = false;
	for_seeds(200, [&](uint64_t seed) {
		World world;
		Disk disk(world);
		disk.write(1, 0, 8);
		disk.flush();
		disk.write(2, 0, 8);
		Image left = disk.device.crash_image({Keep::some, seed});
		unsigned int new_ones = 0;
		for (uint64_t sector = 0; sector < 8; sector++) {
			bool is_new = static_cast<bool>(holds(left, 2, sector, 1));
			EXPECT_TRUE(is_new || holds(left, 1, sector, 1));
			new_ones += is_new;
		}
		torn |= new_ones > 0 && new_ones < 8;
		lost |= new_ones == 0;
		kept |= new_ones == 8;
	});
	EXPECT_TRUE(std::getenv("SEED") || (torn && lost && kept));
}

TEST(Device, a_write_in_flight_may_survive_a_crash)
{
	World world;
	Disk disk(world);
	auto flying = disk.start_write(1, 0, 8);
	EXPECT_TRUE(holds(disk.device.crash_image({Keep::nothing}), 0, 0, 8));
	EXPECT_TRUE(holds(disk.device.crash_image({Keep::everything}), 1, 0, 8));
	EXPECT_EQ(disk.wait(flying), 0);
}

TEST(Device, a_flush_keeps_what_readers_saw_however_writes_overlap)
{
	for_seeds(200, [](uint64_t seed) {
		World world({.order = Order::random, .seed = seed});
		Disk disk(world, {.name = "disk", .sectors = 16});
		for (int round = 0; round < 3; round++) {
			for (uint32_t n = 1; n < 5; n++)
				disk.start_write(n, world.random().below(8), 1 + n);
			world.run_until_idle();
		}
		EXPECT_EQ(disk.flush(), 0);
		EXPECT_TRUE(disk.device.durable() == disk.device.content());
		EXPECT_TRUE(disk.device.crash_image({Keep::some, seed}) == disk.device.content());
	});
}

TEST(Device, without_a_volatile_cache_a_completed_write_is_durable)
{
	World world;
	Disk disk(world, {.name = "disk", .sectors = 64, .volatile_cache = false});
	disk.write(1, 3, 9);
	EXPECT_TRUE(holds(disk.device.crash_image({Keep::nothing}), 1, 3, 9));
}

TEST(Device, after_a_crash_io_fails_and_changes_nothing_until_power_is_on)
{
	World world;
	Disk disk(world);
	disk.write(1, 0, 8);
	disk.flush();
	disk.device.hold(Op::read);
	auto held = disk.start(Op::read, 0, 1, std::vector<uint8_t>(512));
	auto flying = disk.start_write(2, 0, 8);
	disk.device.crash({Keep::nothing});
	EXPECT_EQ(disk.wait(flying), -5);
	EXPECT_EQ(disk.wait(held), -5);
	EXPECT_EQ(disk.write(3, 0, 8, DMSNAP_IO_FUA), -5);
	EXPECT_TRUE(holds(disk.device.content(), 1, 0, 8));
	disk.device.power_on();
	EXPECT_EQ(disk.write(3, 0, 8), 0);
	EXPECT_TRUE(holds(disk.device.content(), 3, 0, 8));
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

TEST(Device, a_write_tears_between_logical_blocks_only)
{
	bool torn = false;
	for_seeds(200, [&](uint64_t seed) {
		World world({.order = Order::random, .seed = seed});
		Disk disk(world, {.name = "disk", .sectors = 64, .block_sectors = 8});
		disk.write(1, 0, 32, DMSNAP_IO_FUA);
		disk.start_write(2, 0, 32);
		if (seed % 2)
			disk.device.fail_nth(Op::write, 1);
		disk.write(3, 8, 16);
		Image left = disk.device.crash_image({Keep::some, seed});
		std::set<uint32_t> seen;
		for (uint64_t block = 0; block < 32; block += 8) {
			uint32_t found = 0;
			for (uint32_t generation : {1, 2, 3})
				if (holds(left, generation, block, 8))
					found = generation;
			EXPECT_NE(found, 0u) << "at " << block;
			seen.insert(found);
		}
		torn |= seen.contains(1) && seen.contains(2);
	});
	EXPECT_TRUE(std::getenv("SEED") || torn);
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
