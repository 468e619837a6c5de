// SPDX-License-Identifier: GPL-2.0-only
/* The devices and tables of the scenarios: see scenarios.cpp. */
#pragma once

#include <functional>
#include <string>

#include "support/history.hpp"
#include "user/failure.hpp"
#include "user/mapped.hpp"

namespace dmsnap::sim {

using test::stamped;
using user::Device;
using user::Mapped;
using user::report_failure;
using user::TargetType;

/* Larger than a COW device's share of the pages for copies, which is 4 MiB. */
constexpr uint64_t disk_sectors = 16384;
constexpr uint64_t cow_sectors = 32768;
constexpr uint64_t chunk = 8;
/* Longer than any timer; what has not ended by then never ends. */
constexpr uint64_t bound_ns = 300'000'000'000;

/* Two origins: the first has snapshots s0 and s1, the second has t0. */
struct Rig {
	explicit Rig(user::WorldOptions options) : world(options)
	{
		world.cow_threshold = 2048;
		disk.poke(0, stamped(1, 0, disk_sectors));
		disk2.poke(0, stamped(1, 0, disk_sectors));
		create(origin, TargetType::origin, "disk");
		create(origin2, TargetType::origin, "disk2");
		create(s0, TargetType::snapshot, "disk cow0 P 8");
		create(s1, TargetType::snapshot, "disk cow1 P 8");
		create(t0, TargetType::snapshot, "disk2 cow2 P 8");
		/* All snapshots have the first chunks of their origin. */
		origin.write(0, stamped(2, 0, 4 * chunk));
		origin2.write(0, stamped(2, 0, 4 * chunk));
	}

	static void create(Mapped &mapped, TargetType type, const std::string &words)
	{
		if (int error = mapped.create(type, disk_sectors, words))
			report_failure("creating \"%s\": error %d, %s", words.c_str(), error,
				       mapped.error_text().c_str());
	}

	/* Context: a process. */
	void pause(uint64_t time_ns)
	{
		bool over = false;
		world.complete_at(world.now_ns() + time_ns, [&] {
			over = true;
			world.wake(&over);
		});
		world.wait(&over, "a pause", [&] { return over; });
	}

	/* @body must end while devices still hang. */
	void must_end(const std::string &what, const std::function<void()> &body)
	{
		bool ended = false;
		world.spawn(what, [&] {
			body();
			ended = true;
		});
		run_for_long();
		if (!ended)
			report_failure("%s never ends", what.c_str());
	}
	void run_for_long()
	{
		/* A livelock is as bad as a hang. */
		constexpr unsigned int steps_max = 300'000;
		unsigned int steps = 0;
		for (uint64_t until = world.now_ns() + bound_ns; world.step_until(until);)
			if (++steps > steps_max)
				report_failure("something never ends");
	}
	static void require(bool holds, const char *what)
	{
		if (!holds)
			report_failure("not so: %s", what);
	}

	user::World world;
	user::Core core;
	Device &disk = world.add_device({.name = "disk", .sectors = disk_sectors});
	Device &disk2 = world.add_device({.name = "disk2", .sectors = disk_sectors});
	Device &cow0 = world.add_device({.name = "cow0", .sectors = cow_sectors});
	Device &cow1 = world.add_device({.name = "cow1", .sectors = cow_sectors});
	Device &cow2 = world.add_device({.name = "cow2", .sectors = cow_sectors});
	Device &cow3 = world.add_device({.name = "cow3", .sectors = cow_sectors});
	Mapped origin{"origin"}, origin2{"origin2"}, s0{"s0"}, s1{"s1"}, t0{"t0"}, more{"more"};
};

} // namespace dmsnap::sim
