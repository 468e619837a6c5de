// SPDX-License-Identifier: GPL-2.0-only
#include "live/live_snapshot.hpp"

#include <cstdio>
#include <memory>
#include <new>
#include <sstream>

#include <fmt/format.h>
#include <libdevmapper.h>

namespace dmsnap::tool {
namespace {

struct DestroyPool {
	void operator()(dm_pool *pool) const { dm_pool_destroy(pool); }
};

SnapshotState state_of(const LiveSnapshot &snapshot, const dm_status_snapshot &status)
{
	if (status.invalid)
		return SnapshotState::invalid;
	if (status.merge_failed)
		return SnapshotState::merge_failed;
	if (status.overflow)
		return SnapshotState::overflow;
	if (snapshot.is_suspended)
		return SnapshotState::suspended;
	if (!snapshot.is_merge)
		return SnapshotState::active;
	return snapshot.usage->unmerged() ? SnapshotState::merging : SnapshotState::merged;
}

} // namespace

std::string to_text(DeviceNumber device)
{
	return fmt::format("{}:{}", device.major, device.minor);
}

double CowUsage::full() const
{
	return used < total ? static_cast<double>(used) / static_cast<double>(total) : 1;
}

const char *to_text(SnapshotState state)
{
	switch (state) {
	case SnapshotState::active:
		return "active";
	case SnapshotState::suspended:
		return "suspended";
	case SnapshotState::merging:
		return "merging";
	case SnapshotState::merged:
		return "merged";
	case SnapshotState::overflow:
		return "overflow";
	case SnapshotState::invalid:
		return "invalid";
	case SnapshotState::merge_failed:
		return "merge failed";
	case SnapshotState::unknown:
		break;
	}
	return "unknown";
}

std::string LiveSnapshot::shown_name() const
{
	return lv.empty() ? name : vg + "/" + lv;
}

std::string LiveSnapshot::state_text() const
{
	return std::string(to_text(state)) + (reason.empty() ? "" : ": " + reason);
}

bool LiveSnapshot::is_bad() const
{
	return state == SnapshotState::overflow || state == SnapshotState::invalid ||
	       state == SnapshotState::merge_failed || state == SnapshotState::unknown;
}

bool take_target(LiveSnapshot &snapshot, const std::string &target)
{
	snapshot.is_merge = target == "snapshot-merge";
	return snapshot.is_merge || target == "snapshot";
}

std::optional<DeviceNumber> parse_device(const std::string &text)
{
	DeviceNumber device;
	int read = 0;
	if (std::sscanf(text.c_str(), "%u:%u%n", &device.major, &device.minor, &read) != 2 ||
	    text.size() != static_cast<size_t>(read))
		return {};
	return device;
}

bool take_table(LiveSnapshot &snapshot, const std::string &words)
{
	std::istringstream stream(words);
	std::string origin, cow;
	if (!(stream >> origin >> cow >> snapshot.store >> snapshot.chunk_sectors))
		return false;
	std::optional<DeviceNumber> origin_device = parse_device(origin);
	std::optional<DeviceNumber> cow_device = parse_device(cow);
	if (!origin_device || !cow_device)
		return false;
	snapshot.origin = *origin_device;
	snapshot.cow = *cow_device;
	return true;
}

void take_status(LiveSnapshot &snapshot, const std::string &words)
{
	std::unique_ptr<dm_pool, DestroyPool> pool(dm_pool_create("status", 256));
	dm_status_snapshot *status = nullptr;

	snapshot.usage.reset();
	snapshot.state = SnapshotState::unknown;
	if (!pool)
		throw std::bad_alloc();
	if (!dm_get_status_snapshot(pool.get(), words.c_str(), &status))
		return;
	if (!status->invalid && !status->merge_failed && !status->overflow)
		snapshot.usage = {status->used_sectors, status->total_sectors,
				  status->metadata_sectors};
	snapshot.state = state_of(snapshot, *status);
}

} // namespace dmsnap::tool
