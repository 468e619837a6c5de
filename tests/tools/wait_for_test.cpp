// SPDX-License-Identifier: GPL-2.0-only
/* WaitFor: what the state of a device means to a waiting command. */
#include <gtest/gtest.h>

#include "live/wait_for.hpp"

namespace dmsnap::test {
namespace {

using namespace tool;

constexpr WaitFor merged{WaitFor::What::merged};
constexpr WaitFor invalid{WaitFor::What::invalid};
constexpr WaitFor fill{WaitFor::What::fill, 80};
constexpr DeviceNumber cow{253, 3};

DeviceLook look_of(const std::string &target, const std::string &status)
{
	LiveSnapshot snapshot;
	snapshot.cow = cow;
	take_target(snapshot, target);
	take_status(snapshot, status);
	return {target, snapshot};
}

DeviceLook other(const std::string &target)
{
	return {target, {}};
}

WaitResult first(const WaitFor &wanted, const DeviceLook &look)
{
	return judge(wanted, look, {}).result;
}

WaitResult later(const WaitFor &wanted, const DeviceLook &look)
{
	return judge(wanted, look, cow).result;
}

TEST(WaitFor, a_merge_ends_with_nothing_left)
{
	EXPECT_EQ(first(merged, look_of("snapshot-merge", "32/800 16")), WaitResult::open);
	EXPECT_EQ(later(merged, look_of("snapshot-merge", "16/800 16")), WaitResult::reached);
	EXPECT_EQ(later(merged, look_of("snapshot-merge", "Merge failed")), WaitResult::failed);
	EXPECT_EQ(later(merged, look_of("snapshot-merge", "Invalid")), WaitResult::failed);
}

TEST(WaitFor, a_merge_that_was_seen_ends_with_its_table)
{
	for (const char *target : {"linear", "snapshot-origin"})
		EXPECT_EQ(later(merged, other(target)), WaitResult::reached) << target;
	/* The next merge into the same origin. */
	EXPECT_EQ(
		judge(merged, look_of("snapshot-merge", "32/800 16"), DeviceNumber{253, 9}).result,
		WaitResult::reached);
}

/* It may be over; or LVM2 may have refused it, for example for an invalid snapshot. */
TEST(WaitFor, a_merge_that_was_not_seen_is_none)
{
	for (const char *target : {"", "linear", "snapshot-origin"})
		EXPECT_EQ(first(merged, other(target)), WaitResult::nothing) << target;
}

TEST(WaitFor, a_merge_is_not_over_because_its_device_is_deactivated)
{
	EXPECT_EQ(later(merged, other("")), WaitResult::failed);
}

TEST(WaitFor, a_merge_may_be_put_off)
{
	DeviceLook look = other("snapshot-origin");
	look.is_to_be_merged = true;
	EXPECT_EQ(first(merged, look), WaitResult::postponed);
}

TEST(WaitFor, a_snapshot_is_not_merged_where_it_is)
{
	EXPECT_EQ(first(merged, look_of("snapshot", "32/800 16")), WaitResult::mistaken);
	EXPECT_EQ(first(merged, look_of("snapshot", "Invalid")), WaitResult::failed);
}

TEST(WaitFor, a_snapshot_is_so_full_or_fuller)
{
	EXPECT_EQ(first(fill, look_of("snapshot", "639/800 16")), WaitResult::open);
	EXPECT_EQ(first(fill, look_of("snapshot", "640/800 16")), WaitResult::reached);
	EXPECT_EQ(later(fill, look_of("snapshot", "800/800 16")), WaitResult::reached);
	/* 80 % are 6553.6 sectors; the driver raises its event there, once. */
	EXPECT_EQ(later(fill, look_of("snapshot", "6553/8192 16")), WaitResult::open);
	EXPECT_EQ(later(fill, look_of("snapshot", "6554/8192 16")), WaitResult::reached);
}

TEST(WaitFor, a_failed_one_fills_no_more)
{
	for (const char *status : {"Invalid", "Overflow"})
		EXPECT_EQ(later(fill, look_of("snapshot", status)), WaitResult::failed) << status;
	EXPECT_EQ(first(fill, look_of("snapshot-merge", "700/800 16")), WaitResult::mistaken);
}

TEST(WaitFor, invalid_is_invalid_or_overflowed)
{
	EXPECT_EQ(first(invalid, look_of("snapshot", "800/800 16")), WaitResult::open);
	EXPECT_EQ(first(invalid, look_of("snapshot", "Invalid")), WaitResult::reached);
	EXPECT_EQ(later(invalid, look_of("snapshot", "Overflow")), WaitResult::reached);
}

TEST(WaitFor, one_that_is_gone_will_not_get_there)
{
	for (const WaitFor &wanted : {fill, invalid}) {
		EXPECT_EQ(later(wanted, other("")), WaitResult::failed);
		EXPECT_EQ(later(wanted, other("linear")), WaitResult::failed);
		EXPECT_EQ(first(wanted, other("linear")), WaitResult::mistaken);
	}
}

} // namespace
} // namespace dmsnap::test
