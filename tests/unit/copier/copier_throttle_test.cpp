// SPDX-License-Identifier: GPL-2.0-only
/* The throttle with copies in flight.  throttle_test.cpp tests it alone. */
#include <gtest/gtest.h>

#include "unit/copier/copier_rig.hpp"

namespace dmsnap::test {
namespace {

TEST(Copier, can_end_while_its_throttle_still_runs)
{
	CopierRig rig(2);
	rig.world.copy_throttle = 1;
	Copy copy({{1, 0, 0, 60000}});
	rig.copy(copy, 0, 60000);
}

/* The share of time, in percent, in which copies are in flight if there is always work. */
double busy_share(unsigned int percent, uint64_t sectors, uint64_t latency_ns)
{
	CopierRig rig(2, 1 << 13, {}, latency_ns);
	rig.world.copy_throttle = percent;
	uint64_t begin = rig.world.now_ns();
	uint64_t busy = 0;
	while (rig.world.now_ns() < begin + 20'000 * ns_per_ms) {
		Copy copy({{1, 0, 0, sectors}});
		rig.start(copy, 0, sectors);
		while (!copy.done_calls) {
			bool flying = rig.disk(0).in_flight() + rig.disk(1).in_flight() > 0;
			uint64_t before = rig.world.now_ns();
			EXPECT_TRUE(rig.world.step());
			if (flying)
				busy += rig.world.now_ns() - before;
		}
	}
	return 100.0 * static_cast<double>(busy) / static_cast<double>(rig.world.now_ns() - begin);
}

TEST(CopierThrottle, keeps_copies_to_their_share_of_the_time)
{
	for (unsigned int percent : {2u, 10u, 25u, 50u, 75u, 90u}) {
		double share = busy_share(percent, 8, 5 * ns_per_ms);
		EXPECT_LE(share, percent * 1.05 + 1) << percent << " %";
		EXPECT_GE(share, percent * 0.8) << percent << " %";
	}
}

TEST(CopierThrottle, holds_for_long_jobs_as_well)
{
	double share = busy_share(20, 8000, 20 * ns_per_ms);
	EXPECT_LE(share, 22);
	EXPECT_GE(share, 16);
}

TEST(CopierThrottle, of_100_percent_is_none_and_of_0_percent_lets_something_through)
{
	EXPECT_GT(busy_share(100, 8, 5 * ns_per_ms), 99.9);
	EXPECT_GT(busy_share(1000, 8, 5 * ns_per_ms), 99.9);
	double least = busy_share(0, 8, 5 * ns_per_ms);
	EXPECT_GT(least, 0.5);
	EXPECT_LT(least, 2.0);
}

TEST(CopierThrottle, changes_take_effect_on_jobs_that_wait)
{
	CopierRig rig(2, 1 << 13, {}, 300 * ns_per_ms);
	rig.world.copy_throttle = 1;
	Copy first({{1, 0, 0, 8}});
	rig.copy(first, 0, 8);
	Copy second({{1, 8, 0, 8}});
	rig.start(second, 8, 8);
	rig.world.run_for(700 * ns_per_ms);
	EXPECT_EQ(rig.disk(0).counters().reads, 1u);
	rig.world.copy_throttle = 100;
	rig.world.run_for(1000 * ns_per_ms);
	EXPECT_EQ(rig.disk(0).counters().reads, 2u);
	rig.finish(second);
}

TEST(CopierThrottle, holds_nothing_up_for_a_destination_that_hangs)
{
	CopierRig rig(3, 1 << 13, {}, 5 * ns_per_ms);
	rig.world.copy_throttle = 40;
	rig.disk(1).hold(user::Op::write);
	Copy hanging({{1, 0, 0, 8}});
	rig.start(hanging, 0, 8);
	rig.world.run_for(10'000 * ns_per_ms);
	for (int i = 0; i < 20; i++) {
		Copy copy({{2, 0, 0, 8}});
		rig.start(copy, 0, 8);
		rig.world.run_for(50 * ns_per_ms);
		EXPECT_EQ(copy.done_calls, 1);
		rig.world.copy_throttle = 100;
		rig.finish(copy);
		rig.world.copy_throttle = 40;
	}
	EXPECT_EQ(hanging.done_calls, 0);
	rig.disk(1).release();
	rig.finish(hanging);
}

TEST(CopierThrottle, begins_at_once_after_an_idle_time_and_gives_no_credit_for_it)
{
	CopierRig rig(2, 1 << 13, {}, 5 * ns_per_ms);
	rig.world.copy_throttle = 10;
	rig.world.run_for(3'600'000 * ns_per_ms);
	uint64_t begin = rig.world.now_ns();
	uint64_t copies = 0;
	while (rig.world.now_ns() < begin + 3000 * ns_per_ms) {
		Copy copy({{1, 0, 0, 8}});
		rig.start(copy, 0, 8);
		rig.finish(copy);
		if (copies++ == 0) {
			EXPECT_LE(rig.world.now_ns() - begin, 11 * ns_per_ms);
		}
	}
	/* 10 ms each: 30 copies make 10 percent of 3 s; half a second of idle time is credited. */
	EXPECT_LE(copies, 37u);
	EXPECT_GE(copies, 27u);
}

} // namespace
} // namespace dmsnap::test
