// SPDX-License-Identifier: GPL-2.0-only
#include "base/error.hpp"

#include <cerrno>

#include <gtest/gtest.h>

namespace dmsnap {
namespace {

Result<int> half(int value)
{
	if (value % 2 != 0)
		return fail(Error::chunk_size_not_power_of_2);
	return value / 2;
}

Result<int> quarter(int value)
{
	const int once = DMSNAP_TRY(half(value));
	return DMSNAP_TRY(half(once));
}

Status divisible_by_4(int value)
{
	DMSNAP_CHECK(quarter(value));
	return {};
}

TEST(Error, try_hands_on_the_value_or_the_error)
{
	EXPECT_EQ(quarter(12), 3);
	EXPECT_EQ(quarter(6).error(), Error::chunk_size_not_power_of_2);
	EXPECT_TRUE(divisible_by_4(8));
	EXPECT_EQ(divisible_by_4(7).error(), Error::chunk_size_not_power_of_2);
}

TEST(Error, errno_is_the_one_of_this_system_and_negative)
{
	EXPECT_EQ(to_errno(Error::no_memory), -ENOMEM);
	EXPECT_EQ(to_errno(Error::read_failed), -EIO);
	EXPECT_EQ(to_errno(Error::cow_device_full), -ENOSPC);
	EXPECT_EQ(to_errno(Error::magic_unknown), -ENXIO);
	EXPECT_EQ(to_errno(Error::version_unknown), -EINVAL);
	EXPECT_STREQ(to_text(Error::no_memory), "out of memory");
}

} // namespace
} // namespace dmsnap
