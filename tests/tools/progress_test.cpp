// SPDX-License-Identifier: GPL-2.0-only
/* Progress: the text of a line, for any numbers. */
#include <cstdint>
#include <limits>

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

/* A time_t, or fmt's clock, has no such limits. */
TEST(ProgressText, has_no_end_that_no_calendar_has)
{
	for (uint64_t total : {uint64_t{1} << 50, UINT64_MAX})
		EXPECT_EQ(progress_text("copying", 1, total, 3600),
			  "copying: 0 %, more than a year left");
}

TEST(ProgressText, is_cut_to_the_terminal)
{
	EXPECT_EQ(progress_text("copying", 50, 0, 61, 12), "copying: 1:0");
	EXPECT_EQ(progress_text("copying", 50, 0, 61, 200), "copying: 1:01 so far");
}

} // namespace
} // namespace dmsnap::test
