// SPDX-License-Identifier: GPL-2.0-only
/*
 * Throttle alone; with copies in flight: copier_throttle_test.cpp.
 */
#include "copier/throttle.hpp"

#include <gtest/gtest.h>

namespace dmsnap::test {
namespace {

constexpr uint64_t ms = 1'000'000;
/* Any time but the beginning of time. */
constexpr uint64_t begin = 5000 * ms;

/* The past up to @begin, half a second of it counted, is idle. */
Throttle idle_until_begin()
{
	Throttle throttle;
	EXPECT_EQ(throttle.delay_ms(begin, 50), 0u);
	return throttle;
}

void copy(Throttle &throttle, uint64_t from_ms, uint64_t to_ms)
{
	throttle.begin(begin + from_ms * ms);
	throttle.end(begin + to_ms * ms);
}

TEST(Throttle, lets_the_busy_time_be_its_share_and_no_more)
{
	Throttle throttle = idle_until_begin();
	copy(throttle, 0, 100);
	/* 100 of 600 ms. */
	EXPECT_EQ(throttle.delay_ms(begin + 100 * ms, 50), 0u);
	EXPECT_EQ(throttle.delay_ms(begin + 100 * ms, 17), 0u);
	/* 10 percent are 100 of 1000. */
	EXPECT_NEAR(throttle.delay_ms(begin + 100 * ms, 10), 400, 1);
	EXPECT_NEAR(throttle.delay_ms(begin + 300 * ms, 10), 200, 1);
	EXPECT_LE(throttle.delay_ms(begin + 500 * ms, 10), 1u);
}

TEST(Throttle, counts_what_is_in_flight_as_busy)
{
	Throttle throttle = idle_until_begin();
	throttle.begin(begin);
	EXPECT_NEAR(throttle.delay_ms(begin + 100 * ms, 10), 400, 1);
	EXPECT_NEAR(throttle.delay_ms(begin + 200 * ms, 20), 300, 1);
	throttle.end(begin + 200 * ms);
	EXPECT_NEAR(throttle.delay_ms(begin + 200 * ms, 20), 300, 1);
}

TEST(Throttle, counts_no_time_twice_when_its_period_moves_on_under_a_copy)
{
	Throttle throttle = idle_until_begin();
	throttle.begin(begin);
	/* 600 of 1100 ms; kept are 273 of 500. */
	EXPECT_NEAR(throttle.delay_ms(begin + 600 * ms, 50), 45, 2);
	/* 10 ms more in the same copy: 283 of 510. */
	EXPECT_NEAR(throttle.delay_ms(begin + 610 * ms, 50), 55, 2);
	throttle.end(begin + 610 * ms);
	EXPECT_NEAR(throttle.delay_ms(begin + 610 * ms, 50), 55, 2);
	copy(throttle, 610, 620);
	EXPECT_NEAR(throttle.delay_ms(begin + 620 * ms, 50), 65, 2);
}

TEST(Throttle, remembers_the_share_and_not_the_time_of_the_distant_past)
{
	Throttle throttle = idle_until_begin();
	copy(throttle, 0, 300);
	/* 300 of 1200 ms: 25 percent, which is 125 of the 500 that are kept. */
	EXPECT_EQ(throttle.delay_ms(begin + 700 * ms, 25), 0u);
	EXPECT_NEAR(throttle.delay_ms(begin + 700 * ms, 20), 125, 2);
	EXPECT_NEAR(throttle.delay_ms(begin + 800 * ms, 20), 25, 2);
	/* An hour later almost nothing. */
	EXPECT_EQ(throttle.delay_ms(begin + 3'600'000 * ms, 1), 0u);
	copy(throttle, 3'600'000, 3'600'010);
	EXPECT_EQ(throttle.delay_ms(begin + 3'600'010 * ms, 2), 0u);
}

TEST(Throttle, is_never_asked_to_wait_longer_than_a_second)
{
	Throttle throttle = idle_until_begin();
	copy(throttle, 0, 400);
	EXPECT_EQ(throttle.delay_ms(begin + 400 * ms, 1), Throttle::delay_max);
	EXPECT_EQ(throttle.delay_ms(begin + 400 * ms, 0), Throttle::delay_max);
}

} // namespace
} // namespace dmsnap::test
