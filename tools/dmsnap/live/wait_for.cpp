// SPDX-License-Identifier: GPL-2.0-only
#include "live/wait_for.hpp"

#include <fmt/format.h>

namespace dmsnap::tool {
namespace {

/*
 * LVM2 replaces a merge's table when the merge is complete, and then removes the COW device.  A
 * new table means the end only if the merge was seen before.  A device that is gone means
 * nothing, because it may be deactivated in the middle of a merge.
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
		return {WaitResult::failed, "has gone, before the end of its merge was seen"};
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
	/* Rounded as in the driver, or its event could come slightly earlier. */
	if (snapshot.usage && snapshot.usage->used * 100 >= snapshot.usage->total * wanted.percent)
		return {WaitResult::reached,
			fmt::format("is {:.1f} % full", 100 * snapshot.usage->full())};
	return {};
}

} // namespace dmsnap::tool
