// SPDX-License-Identifier: GPL-2.0-only
/* Progress: the text of its line, for all numbers. */
#include <cstdint>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "cli/progress.hpp"

namespace dmsnap::test {
namespace {

using tool::progress_text;

TEST(ProgressText, has_part_time_and_end)
{
	EXPECT_TRUE(progress_text("copying", 50, 100, 60)
			    .starts_with("copying: 50 %, 1:00 left, ends "));
	EXPECT_EQ(progress_text("copying", 50, 0, 61), "copying: 1:01 so far");
	EXPECT_EQ(progress_text("copying", 0, 100, 61), "copying: 1:01 so far");
}

TEST(ProgressText, has_no_end_before_a_hundredth_is_done)
{
	EXPECT_EQ(progress_text("copying", 1, UINT64_MAX, 1), "copying: 0 %, 0:01 so far");
	EXPECT_EQ(progress_text("copying", 99, 10000, 60), "copying: 0 %, 1:00 so far");
	EXPECT_TRUE(progress_text("copying", 100, 10000, 60)
			    .starts_with("copying: 1 %, 1:39:00 left, ends "));
}

/* From a day on, the end needs a date. */
TEST(ProgressText, counts_a_long_time_in_days)
{
	std::string text = progress_text("copying", 1, 100, 2 * 86400);

	EXPECT_TRUE(text.starts_with("copying: 1 %, 198 days left, ends 2")) << text;
	EXPECT_EQ(progress_text("copying", 50, 0, 90061), "copying: 25:01:01 so far");
}

/* time_t and fmt have no such limit. */
TEST(ProgressText, has_no_end_that_no_calendar_has)
{
	for (double seconds : {1e7, 1e300})
		EXPECT_EQ(progress_text("copying", 1, 100, seconds),
			  "copying: 1 %, more than a year left");
}

TEST(ProgressText, is_whole_only_at_the_end)
{
	EXPECT_TRUE(progress_text("copying", 999, 1000, 60).starts_with("copying: 99 %, "));
	EXPECT_TRUE(progress_text("copying", 29, 100, 60).starts_with("copying: 29 %, "));
	EXPECT_TRUE(
		progress_text("copying", 1001, 1000, 60).starts_with("copying: 100 %, 0:00 left"));
}

TEST(ProgressText, is_cut_to_the_terminal)
{
	EXPECT_EQ(progress_text("copying", 50, 0, 61, 12), "copying: 1:0");
	EXPECT_EQ(progress_text("copying", 50, 0, 61, 200), "copying: 1:01 so far");
}

} // namespace
} // namespace dmsnap::test
