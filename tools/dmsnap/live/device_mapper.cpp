// SPDX-License-Identifier: GPL-2.0-only
#include "live/device_mapper.hpp"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>
#include <memory>
#include <new>

#include <fcntl.h>
#include <fmt/format.h>
#include <libdevmapper.h>
#include <unistd.h>

#include "live/dm_request.hpp"
#include "live/lvm2.hpp"
#include "system/device_name.hpp"
#include "system/failure.hpp"

namespace dmsnap::tool {
namespace {

/* Not through the library, which would create the file. */
bool is_in_kernel()
{
	int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		return errno != ENOENT && errno != ENODEV && errno != ENXIO;
	close(control);
	return true;
}

/* Sets "vg" and "lv" if it is a logical volume that users see. */
void take_lvm_name(LiveSnapshot &snapshot, const char *uuid)
{
	struct DestroyPool {
		void operator()(dm_pool *pool) const { dm_pool_destroy(pool); }
	};
	std::unique_ptr<dm_pool, DestroyPool> pool(dm_pool_create("name", 256));
	char *vg = nullptr, *lv = nullptr, *layer = nullptr;

	if (!pool)
		throw std::bad_alloc();
	if (!uuid || !std::string_view(uuid).starts_with("LVM-") ||
	    !dm_split_lvm_name(pool.get(), snapshot.name.c_str(), &vg, &lv, &layer) || *layer)
		return;
	snapshot.vg = vg;
	snapshot.lv = lv;
}

/* Its device-mapper name, or else the kernel's name. */
std::string name_of(DeviceNumber device)
{
	char name[256];
	if (!dm_device_get_name(device.major, device.minor, 0, name, sizeof(name)))
		return to_text(device);
	return name;
}

std::optional<LiveSnapshot> look(DeviceNumber device, const std::string &target,
				 const std::string &table)
{
	LiveSnapshot snapshot;
	if (!take_target(snapshot, target) || !take_table(snapshot, table))
		return {};
	DmRequest request(DM_DEVICE_STATUS, device);
	std::string target_now, words;
	/* The table may have been replaced in the meantime. */
	if (!request.run() || !request.first_line(target_now, words) || target_now != target)
		return {};
	snapshot.name = dm_task_get_name(request.get());
	take_lvm_name(snapshot, dm_task_get_uuid(request.get()));
	snapshot.device = device;
	snapshot.is_suspended = request.info().suspended;
	snapshot.origin_name = name_of(snapshot.origin);
	snapshot.cow_name = name_of(snapshot.cow);
	take_status(snapshot, words);
	return snapshot;
}

} // namespace

bool driver_is_dmsnaps()
{
	return access("/sys/module/dm_snapshot/version", F_OK) == 0;
}

std::optional<LiveSnapshot> DeviceMapper::snapshot_on(const std::string &path)
{
	std::optional<DeviceNumber> number = device_at(path);
	if (!number || !is_in_kernel())
		return {};
	for (const LiveSnapshot &snapshot : snapshots()) {
		if (snapshot.device == *number || snapshot.cow == *number)
			return snapshot;
	}
	return {};
}

std::vector<LiveSnapshot> DeviceMapper::snapshots()
{
	std::vector<LiveSnapshot> found;
	/* The names of origins in use. */
	std::map<DeviceNumber, DeviceNumber> volumes;

	for (DeviceNumber device : all_mapped_devices()) {
		DmRequest request(DM_DEVICE_TABLE, device);
		std::string target, table;
		if (!request.run() || !request.first_line(target, table))
			continue;
		if (target == "snapshot-origin") {
			if (std::optional<DeviceNumber> origin = parse_device(table))
				volumes[*origin] = device;
			continue;
		}
		if (std::optional<LiveSnapshot> snapshot = look(device, target, table)) {
			if (snapshot->is_merge)
				volumes[snapshot->origin] = device;
			found.push_back(std::move(*snapshot));
		}
	}
	for (LiveSnapshot &snapshot : found) {
		if (auto volume = volumes.find(snapshot.origin); volume != volumes.end())
			snapshot.origin_name = name_of(volume->second);
	}
	for (LiveSnapshot &snapshot : found) {
		if (snapshot.state != SnapshotState::invalid)
			continue;
		if (std::optional<SnapshotStats> known = stats(snapshot.device))
			snapshot.reason = known->invalid_reason;
	}
	std::ranges::sort(found, std::less<>(), &LiveSnapshot::name);
	return found;
}

DeviceNumber DeviceMapper::find(const std::string &name)
{
	if (name.find('/') != std::string::npos) {
		std::string path = path_of(name);
		std::optional<DeviceNumber> device = device_at(path);
		if (!device)
			throw Failure(fmt::format("there is no device {}", path));
		return *device;
	}
	DmRequest request(DM_DEVICE_INFO);
	dm_task_set_name(request.get(), name.c_str());
	if (!request.run())
		throw Failure(fmt::format("device mapper has no device {}", name));
	dm_info info = request.info();
	return {info.major, info.minor};
}

std::optional<SnapshotStats> DeviceMapper::stats(DeviceNumber device)
try {
	/* For each message that its target does not know, the kernel logs an error. */
	if (!driver_is_dmsnaps())
		return {};
	std::optional<std::string> answer = send_message(device, "stats");
	return answer ? parse_stats(*answer) : std::nullopt;
} catch (const Failure &) {
	/* The device was suspended or removed in the meantime. */
	return {};
}

std::optional<LiveSnapshot> DeviceMapper::snapshot(DeviceNumber device)
{
	DmRequest request(DM_DEVICE_TABLE, device);
	std::string target, table;
	if (!request.run() || !request.first_line(target, table))
		return {};
	return look(device, target, table);
}

std::string DeviceMapper::target_of(DeviceNumber device)
{
	DmRequest request(DM_DEVICE_TABLE, device);
	std::string target, table;
	if (!request.run() || !request.first_line(target, table))
		return {};
	return target;
}

bool DeviceMapper::is_to_be_merged(DeviceNumber device)
{
	DmRequest request(DM_DEVICE_INFO, device);
	if (!request.run())
		return false;
	const char *uuid = dm_task_get_uuid(request.get());
	if (!uuid || !std::string_view(uuid).starts_with("LVM-"))
		return false;
	return tool::is_to_be_merged(std::string("/dev/mapper/") + dm_task_get_name(request.get()));
}

std::optional<std::string> DeviceMapper::send_message(DeviceNumber device,
						      const std::string &message)
{
	DmRequest request(DM_DEVICE_TARGET_MSG, device);
	dm_task_set_sector(request.get(), 0);
	dm_task_set_message(request.get(), message.c_str());
	if (request.try_run()) {
		const char *answer = dm_task_get_message_response(request.get());
		return answer ? answer : "";
	}
	/* EINVAL: an unknown message, or a target without messages. */
	if (request.error() == EINVAL)
		return {};
	throw Failure(fmt::format("the message \"{}\" cannot be sent: {}", message,
				  DmRequest::complaint()));
}

} // namespace dmsnap::tool
