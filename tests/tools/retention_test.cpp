// SPDX-License-Identifier: GPL-2.0-only
/* Which snapshots of a schedule are kept. */
#include <gtest/gtest.h>

#include "backup/retention.hpp"

namespace dmsnap::test {
namespace {

using tool::kept;
using tool::Retention;
using tool::stamp_of;
using tool::time_of;
using Words = std::vector<std::string>;

constexpr int64_t hour = 3600, day = 24 * hour;
/* A Sunday at noon. */
const int64_t sunday = time_of("20261129T120000Z").value();

TEST(Retention, keeps_the_youngest_of_each_period)
{
	const int64_t times[] = {sunday, sunday + 10, sunday - hour, sunday - 2 * hour,
				 sunday - day};
	EXPECT_EQ(kept(times, {.hourly = 2}), Words({"", "hourly", "hourly", "", ""}));
	EXPECT_EQ(kept(times, {.hourly = 1, .daily = 5}),
		  Words({"", "hourly, daily", "", "", "daily"}));
}

TEST(Retention, begins_weeks_on_monday)
{
	const int64_t times[] = {sunday, sunday + day, sunday - 6 * day, sunday - 7 * day};
	EXPECT_EQ(kept(times, {.weekly = 3}), Words({"weekly", "weekly", "", "weekly"}));
}

TEST(Retention, does_not_count_periods_without_one)
{
	const int64_t times[] = {sunday, sunday - 100 * day, sunday - 400 * day};
	EXPECT_EQ(kept(times, {.daily = 2}), Words({"daily", "daily", ""}));
}

TEST(Retention, never_drops_the_youngest)
{
	const int64_t times[] = {sunday - day, sunday};
	EXPECT_EQ(kept(times, {}), Words({"", "youngest"}));
	EXPECT_TRUE(kept({}, {.daily = 1}).empty());
}

TEST(Retention, reads_only_the_times_it_writes)
{
	EXPECT_EQ(stamp_of(sunday), "20261129T120000Z");
	EXPECT_EQ(time_of("19700101T000000Z"), 0);
	for (const char *text :
	     {"", "2026", "20261129T120000", "20261129T120000Zx", "20261329T120000Z",
	      "20260230T120000Z", "20261129T250000Z", " 20261129T120000Z"})
		EXPECT_FALSE(time_of(text)) << text;
}

} // namespace
} // namespace dmsnap::test
