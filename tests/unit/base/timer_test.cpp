// SPDX-License-Identifier: GPL-2.0-only
#include "base/worker.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "unit/base/worker_rig.hpp"

namespace dmsnap::test {
namespace {

constexpr uint64_t ns_per_ms = 1'000'000;

TEST(Timer, posts_its_task_when_its_time_has_come)
{
	WorkerRig rig;
	uint64_t begin = rig.world.now_ns();
	std::vector<uint64_t> times;
	Job job([&] { times.push_back((rig.world.now_ns() - begin) / ns_per_ms); });
	Timer timer(*rig.worker, job);
	timer.start(30);
	rig.world.run_until_idle();
	EXPECT_EQ(times, std::vector<uint64_t>{30});
	timer.start(5);
	rig.world.run_until_idle();
	EXPECT_EQ(times, (std::vector<uint64_t>{30, 35}));
	timer.cancel();
}

TEST(Timer, posts_its_task_at_the_earliest_time_it_was_started_for)
{
	WorkerRig rig;
	uint64_t begin = rig.world.now_ns();
	std::vector<uint64_t> times;
	Job job([&] { times.push_back((rig.world.now_ns() - begin) / ns_per_ms); });
	Timer timer(*rig.worker, job);
	timer.start(500);
	timer.start(30);
	timer.start(100);
	rig.world.run_until_idle();
	EXPECT_EQ(times, std::vector<uint64_t>{30});
	/* The later times have left no timer behind. */
	EXPECT_EQ(rig.world.now_ns() - begin, 30 * ns_per_ms);
	timer.cancel();
}

TEST(Timer, may_be_started_again_from_its_task)
{
	WorkerRig rig;
	int ticks = 0;
	Timer *self = nullptr;
	Job job([&] {
		if (++ticks < 5)
			self->start(10);
	});
	Timer timer(*rig.worker, job);
	self = &timer;
	uint64_t begin = rig.world.now_ns();
	timer.start(10);
	rig.world.run_until_idle();
	EXPECT_EQ(ticks, 5);
	EXPECT_EQ(rig.world.now_ns() - begin, 50 * ns_per_ms);
	timer.cancel();
}

TEST(Timer, posts_nothing_after_it_was_cancelled)
{
	WorkerRig rig;
	Job job([&] { rig.trace += 't'; });
	Timer timer(*rig.worker, job);
	timer.cancel();
	timer.start(10);
	rig.world.run_for(9 * ns_per_ms);
	timer.cancel();
	rig.world.run_until_idle();
	EXPECT_EQ(rig.trace, "");
	timer.start(10);
	rig.world.run_until_idle();
	EXPECT_EQ(rig.trace, "t");
	timer.cancel();
}

} // namespace
} // namespace dmsnap::test
