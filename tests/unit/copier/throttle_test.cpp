// SPDX-License-Identifier: GPL-2.0-only
/* Throttle alone.  copier_throttle_test.cpp tests it with copies in flight. */
#include "copier/throttle.hpp"

#include <gtest/gtest.h>

namespace dmsnap::test {
namespace {

constexpr uint64_t ms = 1'000'000;
/* An arbitrary time that is not 0. */
constexpr uint64_t begin = 5000 * ms;

/* The past up to @begin, half a second of it counted, is idle. */
struct IdleThrottle : Throttle {
	IdleThrottle() { EXPECT_EQ(delay_ms(dmsnap::test::begin, 50), 0u); }
};

void busy(Throttle &throttle, uint64_t from_ms, uint64_t to_ms)
{
	Throttle::Copy copy;
	throttle.begin(copy, begin + from_ms * ms);
	throttle.end(copy, begin + to_ms * ms);
}

TEST(Throttle, lets_the_busy_time_be_its_share_and_no_more)
{
	IdleThrottle throttle;
	busy(throttle, 0, 100);
	/* 100 of 600 ms. */
	EXPECT_EQ(throttle.delay_ms(begin + 100 * ms, 50), 0u);
	EXPECT_EQ(throttle.delay_ms(begin + 100 * ms, 17), 0u);
	/* 10 percent: 100 of 1000 ms. */
	EXPECT_NEAR(throttle.delay_ms(begin + 100 * ms, 10), 400, 1);
	EXPECT_NEAR(throttle.delay_ms(begin + 300 * ms, 10), 200, 1);
	EXPECT_LE(throttle.delay_ms(begin + 500 * ms, 10), 1u);
}

TEST(Throttle, counts_what_is_in_flight_as_busy)
{
	IdleThrottle throttle;
	Throttle::Copy copy;
	throttle.begin(copy, begin);
	EXPECT_NEAR(throttle.delay_ms(begin + 100 * ms, 10), 400, 1);
	EXPECT_NEAR(throttle.delay_ms(begin + 200 * ms, 20), 300, 1);
	throttle.end(copy, begin + 200 * ms);
	EXPECT_NEAR(throttle.delay_ms(begin + 200 * ms, 20), 300, 1);
}

TEST(Throttle, counts_no_time_twice_when_its_period_moves_on_under_a_copy)
{
	IdleThrottle throttle;
	Throttle::Copy copy;
	throttle.begin(copy, begin);
	/* 600 of 1100 ms; kept are 273 of 500. */
	EXPECT_NEAR(throttle.delay_ms(begin + 600 * ms, 50), 45, 2);
	/* 10 ms more of the same copy: 283 of 510. */
	EXPECT_NEAR(throttle.delay_ms(begin + 610 * ms, 50), 55, 2);
	throttle.end(copy, begin + 610 * ms);
	EXPECT_NEAR(throttle.delay_ms(begin + 610 * ms, 50), 55, 2);
	busy(throttle, 610, 620);
	EXPECT_NEAR(throttle.delay_ms(begin + 620 * ms, 50), 65, 2);
}

TEST(Throttle, remembers_the_share_and_not_the_time_of_the_distant_past)
{
	IdleThrottle throttle;
	busy(throttle, 0, 300);
	/* 300 of 1200 ms: 25 percent, which is 125 of the 500 that are kept. */
	EXPECT_EQ(throttle.delay_ms(begin + 700 * ms, 25), 0u);
	EXPECT_NEAR(throttle.delay_ms(begin + 700 * ms, 20), 125, 2);
	EXPECT_NEAR(throttle.delay_ms(begin + 800 * ms, 20), 25, 2);
	/* An hour later it is almost forgotten. */
	EXPECT_EQ(throttle.delay_ms(begin + 3'600'000 * ms, 1), 0u);
	busy(throttle, 3'600'000, 3'600'010);
	EXPECT_EQ(throttle.delay_ms(begin + 3'600'010 * ms, 2), 0u);
}

TEST(Throttle, counts_a_copy_that_hangs_for_a_second_and_no_longer)
{
	IdleThrottle throttle;
	Throttle::Copy hanging;
	throttle.begin(hanging, begin);
	/* 999 of 1499 ms; kept are 333 of 500. */
	EXPECT_NEAR(throttle.delay_ms(begin + 999 * ms, 40), 333, 2);
	/* 334 of 6500 ms. */
	EXPECT_EQ(throttle.delay_ms(begin + 7'000 * ms, 40), 0u);
	/* Others are in flight only for a moment. */
	busy(throttle, 8'000, 8'010);
	EXPECT_EQ(throttle.delay_ms(begin + 9'000 * ms, 40), 0u);
	/* Its end, at last, changes nothing. */
	throttle.end(hanging, begin + 20'000 * ms);
	EXPECT_EQ(throttle.delay_ms(begin + 20'000 * ms, 1), 0u);
}

TEST(Throttle, counts_the_time_of_copies_that_overlap_once)
{
	IdleThrottle throttle;
	Throttle::Copy first, second;
	throttle.begin(first, begin);
	throttle.begin(second, begin + 50 * ms);
	throttle.end(first, begin + 60 * ms);
	throttle.end(second, begin + 100 * ms);
	/* 100 of 600 ms; 10 percent are 100 of 1000. */
	EXPECT_NEAR(throttle.delay_ms(begin + 100 * ms, 10), 400, 1);
}

TEST(Throttle, is_never_asked_to_wait_longer_than_a_second)
{
	IdleThrottle throttle;
	busy(throttle, 0, 400);
	EXPECT_EQ(throttle.delay_ms(begin + 400 * ms, 1), Throttle::delay_max);
	EXPECT_EQ(throttle.delay_ms(begin + 400 * ms, 0), Throttle::delay_max);
}

} // namespace
} // namespace dmsnap::test
