// SPDX-License-Identifier: GPL-2.0-only
#include <set>
#include <string>

#include <gtest/gtest.h>

#include <dmsnap/port/memory.h>

#include "base/guard.hpp"
#include "support/pattern.hpp"
#include "support/seed.hpp"
#include "user/bio.hpp"
#include "user/failure.hpp"
#include "user/target.hpp"
#include "user/world.hpp"

namespace dmsnap::user {
namespace {

using test::Pattern;

TEST(World, a_process_that_still_waits_at_the_end_is_reported)
{
	FailureCapture capture;
	Event never;
	{
		World world;
		world.spawn("waiter", [&] { never.wait(); });
		world.run_until_idle();
	}
	EXPECT_TRUE(capture.saw("process waiter is left over"));
}

/* Several processes write to one device and take one lock: their actions in order. */
std::string trace_of(uint64_t seed)
{
	World world({.order = Order::random, .seed = seed});
	Device &device = world.add_device({.name = "disk", .sectors = 64});
	dmsnap_device handle{&device, true};
	SpinLock lock(DMSNAP_LOCK_ORIGIN);
	std::string trace;
	void *page = dmsnap_port_page_alloc(DMSNAP_ALLOC_NOWAIT);
	for (int n = 0; n < 4; n++)
		world.spawn("writer", [&, n] {
			Event done;
			dmsnap_port_io_submit(
				&handle, DMSNAP_IO_WRITE, 0, static_cast<uint64_t>(n) * 8, 8, &page,
				0, [](void *ctx, int) { static_cast<Event *>(ctx)->set(); }, &done);
			trace += static_cast<char>('a' + n);
			done.wait();
			SpinGuard guard(lock);
			trace += static_cast<char>('A' + n);
		});
	world.run_until_idle();
	dmsnap_port_page_free(page);
	return trace;
}

TEST(World, the_same_seed_gives_the_same_run_and_others_give_others)
{
	std::set<std::string> traces;
	test::for_seeds(50, [&](uint64_t seed) {
		std::string trace = trace_of(seed);
		EXPECT_EQ(trace, trace_of(seed));
		EXPECT_EQ(trace.size(), 8u);
		traces.insert(trace);
	});
	EXPECT_TRUE(std::getenv("SEED") || traces.size() > 10) << traces.size();
}

TEST(World, a_page_changed_while_it_is_written_is_reported)
{
	World world;
	Device &device = world.add_device({.name = "disk", .sectors = 64});
	dmsnap_device handle{&device, true};
	void *page = dmsnap_port_page_alloc(DMSNAP_ALLOC_NOWAIT);
	dmsnap_port_io_submit(
		&handle, DMSNAP_IO_WRITE, 0, 0, 8, &page, 0, [](void *, int) {}, nullptr);
	static_cast<char *>(page)[4000] ^= 1;
	FailureCapture capture;
	world.run_until_idle();
	EXPECT_TRUE(capture.saw("changed in flight"));
	dmsnap_port_page_free(page);
}

TEST(World, io_submit_reads_and_writes_from_an_offset_over_several_pages)
{
	World world;
	Device &device = world.add_device({.name = "disk", .sectors = 64});
	Target target;
	dmsnap_device *handle = nullptr;
	ASSERT_EQ(dmsnap_port_device_open(&target, "disk", DMSNAP_DEVICE_WRITE, &handle), 0);
	device.poke(0, Pattern{1, 1}.make(0, 64));
	void *pages[2];
	for (void *&page : pages)
		page = dmsnap_port_page_alloc(DMSNAP_ALLOC_NOWAIT);
	auto count = [](void *ctx, int error) { *static_cast<int *>(ctx) += error ? 100 : 1; };
	int done = 0;
	dmsnap_port_io_submit(handle, DMSNAP_IO_READ, 0, 3, 9, pages, 3584, count, &done);
	world.run_until_idle();
	dmsnap_port_io_submit(handle, DMSNAP_IO_WRITE, 0, 3 + 16, 9, pages, 3584, count, &done);
	world.run_until_idle();
	EXPECT_EQ(done, 2);
	EXPECT_TRUE((Pattern{1, 1}.matches(3, device.peek(3 + 16, 9))));
	for (void *page : pages)
		dmsnap_port_page_free(page);
	dmsnap_port_device_close(&target, handle);
}

TEST(World, a_device_without_the_commands_is_written_zeros_to_and_needs_no_discard)
{
	World world;
	Device &device = world.add_device(
		{.name = "disk", .sectors = 64, .zeroes = false, .discards = false});
	dmsnap_device handle{&device, true};
	device.poke(0, Pattern{1, 1}.make(0, 64));
	std::vector<int> errors;
	for (auto op : {DMSNAP_IO_ZERO, DMSNAP_IO_DISCARD})
		dmsnap_port_io_submit(
			&handle, op, 0, op == DMSNAP_IO_ZERO ? 0 : 32, 24, nullptr, 0,
			[](void *ctx, int error) {
				static_cast<std::vector<int> *>(ctx)->push_back(error);
			},
			&errors);
	world.run_until_idle();
	EXPECT_EQ(errors, (std::vector<int>{0, 0}));
	EXPECT_EQ(device.peek(0, 24), std::vector<uint8_t>(24 * 512));
	EXPECT_TRUE((Pattern{1, 1}.matches(24, device.peek(24, 40))));
}

TEST(World, a_write_through_a_device_opened_for_reading_is_reported)
{
	World world;
	world.add_device({.name = "disk", .sectors = 64});
	Target target;
	target.read_only = true;
	dmsnap_device *handle = nullptr;
	ASSERT_EQ(dmsnap_port_device_open(&target, "252:0", DMSNAP_DEVICE_TABLE, &handle), 0);
	FailureCapture capture;
	dmsnap_port_io_submit(
		handle, DMSNAP_IO_ZERO, 0, 0, 8, nullptr, 0, [](void *, int) {}, nullptr);
	world.run_until_idle();
	EXPECT_TRUE(capture.saw("open for reading"));
	dmsnap_port_device_close(&target, handle);
}

TEST(World, a_device_left_open_is_reported)
{
	FailureCapture capture;
	dmsnap_device *handle = nullptr;
	{
		World world;
		world.add_device({.name = "disk", .sectors = 64});
		Target target;
		ASSERT_EQ(dmsnap_port_device_open(&target, "disk", DMSNAP_DEVICE_READ, &handle), 0);
	}
	EXPECT_TRUE(capture.saw("left open"));
	delete handle;
}

TEST(World, a_device_closed_with_its_openers_io_in_flight_is_reported)
{
	World world;
	world.add_device({.name = "disk", .sectors = 64});
	Target target;
	dmsnap_device *mine = nullptr, *others = nullptr;
	ASSERT_EQ(dmsnap_port_device_open(&target, "disk", DMSNAP_DEVICE_WRITE, &mine), 0);
	ASSERT_EQ(dmsnap_port_device_open(&target, "disk", DMSNAP_DEVICE_WRITE, &others), 0);
	dmsnap_port_io_submit(
		mine, DMSNAP_IO_ZERO, 0, 0, 8, nullptr, 0, [](void *, int) {}, nullptr);
	dmsnap_port_device_close(&target, others);
	FailureCapture capture;
	dmsnap_port_device_close(&target, mine);
	EXPECT_TRUE(capture.saw("disk is closed with 1 I/Os"));
	world.run_until_idle();
}

TEST(World, memory_given_back_while_io_in_flight_will_use_it_is_reported)
{
	World world;
	Device &device = world.add_device({.name = "disk", .sectors = 64});
	dmsnap_device handle{&device, true};
	auto *memory = static_cast<char *>(dmsnap_port_alloc(64));
	dmsnap_port_io_submit(
		&handle, DMSNAP_IO_ZERO, 0, 0, 8, nullptr, 0, [](void *, int) {}, memory + 32);
	FailureCapture capture;
	dmsnap_port_free(memory);
	EXPECT_TRUE(capture.saw("memory is given back, but an I/O in flight refers to it"));
	world.run_until_idle();
}

TEST(World, a_crash_of_the_world_is_a_crash_of_each_device)
{
	World world;
	Device &one = world.add_device({.name = "one", .sectors = 64});
	Device &two = world.add_device({.name = "two", .sectors = 64});
	one.poke(0, Pattern{1, 1}.make(0, 8));
	world.crash({});
	int errors = 0;
	for (Device *device : {&one, &two})
		device->submit(
			{.op = Op::flush, .done = [&](int error) { errors += error == -5; }});
	world.run_until_idle();
	EXPECT_EQ(errors, 2);
	world.power_on();
	EXPECT_TRUE((Pattern{1, 1}.matches(0, one.peek(0, 8))));
}

} // namespace
} // namespace dmsnap::user
