// SPDX-License-Identifier: GPL-2.0-only
#include "live/wait_for.hpp"

#include <fmt/format.h>

namespace dmsnap::tool {
namespace {

/*
 * LVM2 replaces a merge's table when all is merged, and then removes the COW device; that it
 * was replaced tells of the end only where the merge was seen.  A device that is gone tells
 * nothing: it is deactivated in the middle of a merge, too.
 */
WaitVerdict judge_merge_without(const DeviceLook &look, bool was_seen)
{
	if (look.is_to_be_merged)
		return {WaitResult::postponed,
			"is to be merged into when LVM2 activates it next: until then what is "
			"written there will be lost"};
	if (!was_seen)
		return {WaitResult::nothing, "has no snapshot that is being merged into it"};
	if (look.target.empty())
		return {WaitResult::failed, "is gone, and the merge was not seen to end"};
	return {WaitResult::reached,
		fmt::format("has the target {} now: the merge is over", look.target)};
}

WaitVerdict judge_merge(const LiveSnapshot &snapshot)
{
	if (snapshot.is_bad())
		return {WaitResult::failed, fmt::format("is {}", to_text(snapshot.state))};
	if (!snapshot.is_merge)
		return {WaitResult::mistaken,
			"is not being merged; a merge is waited for at the origin"};
	if (snapshot.usage && !snapshot.usage->unmerged())
		return {WaitResult::reached, "is merged"};
	return {};
}

} // namespace

WaitVerdict judge(const WaitFor &wanted, const DeviceLook &look, std::optional<DeviceNumber> cow)
{
	bool there = look.snapshot && (!cow || look.snapshot->cow == *cow);
	if (wanted.what == WaitFor::What::merged)
		return there ? judge_merge(*look.snapshot)
			     : judge_merge_without(look, cow.has_value());
	if (!there && !cow)
		return {WaitResult::mistaken, "is not a snapshot"};
	if (!there)
		return {WaitResult::failed,
			look.target.empty() ? "is gone" : "has another table now"};

	const LiveSnapshot &snapshot = *look.snapshot;
	std::string state = fmt::format("is {}", to_text(snapshot.state));
	if (wanted.what == WaitFor::What::invalid)
		return {snapshot.is_bad() ? WaitResult::reached : WaitResult::open, state};
	if (snapshot.is_bad())
		return {WaitResult::failed, state};
	if (snapshot.is_merge)
		return {WaitResult::mistaken, "is being merged, and fills no more"};
	/* Rounded like the driver does, or its event could come slightly before this is reached. */
	if (snapshot.usage && snapshot.usage->used * 100 >= snapshot.usage->total * wanted.percent)
		return {WaitResult::reached,
			fmt::format("is {:.1f} % full", 100 * snapshot.usage->full())};
	return {};
}

} // namespace dmsnap::tool
