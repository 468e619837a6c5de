// SPDX-License-Identifier: GPL-2.0-only
#include "wait_for.hpp"

#include <fmt/format.h>

namespace dmsnap::tool {
namespace {

/* The merge's device is not one any more, or not of this merge: LVM2 replaces its
 * table when all is merged, and removes the COW device. */
WaitVerdict judge_merge_without(const DeviceLook &look)
{
	if (look.target.empty())
		return {WaitResult::reached, "is gone: nothing is merged there any more"};
	return {WaitResult::reached,
		fmt::format("has the target {} now: nothing is merged there", look.target)};
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
		return there ? judge_merge(*look.snapshot) : judge_merge_without(look);
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
	/* As the driver reckons, or its event could come a little before this is reached. */
	if (snapshot.usage && snapshot.usage->used * 100 >= snapshot.usage->total * wanted.percent)
		return {WaitResult::reached,
			fmt::format("is {:.1f} % full", 100 * snapshot.usage->full())};
	return {};
}

} // namespace dmsnap::tool
