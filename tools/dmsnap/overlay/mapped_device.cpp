// SPDX-License-Identifier: GPL-2.0-only
#include "overlay/mapped_device.hpp"

#include <algorithm>
#include <cerrno>
#include <functional>

#include <fmt/format.h>

#include "live/dm_request.hpp"
#include "system/signals_blocked.hpp"

namespace dmsnap::tool {
std::vector<MappedDevice> mapped_devices(const std::string &uuid_prefix)
{
	std::vector<MappedDevice> found;
	for (DeviceNumber number : all_mapped_devices()) {
		DmRequest request(DM_DEVICE_TABLE, number);
		if (!request.run())
			continue;
		const char *uuid = dm_task_get_uuid(request.get());
		if (!uuid || !std::string_view(uuid).starts_with(uuid_prefix))
			continue;
		MappedDevice device{
			.number = number,
			.name = dm_task_get_name(request.get()),
			.uuid = uuid,
			.users = static_cast<uint32_t>(std::max(request.info().open_count, 0)),
			.target = {},
			.words = {},
			.is_inactive = false};
		if (!request.first_line(device.target, device.words)) {
			DmRequest loaded(DM_DEVICE_TABLE, number);
			dm_task_query_inactive_table(loaded.get());
			device.is_inactive = loaded.run() &&
					     loaded.first_line(device.target, device.words);
		}
		found.push_back(std::move(device));
	}
	std::ranges::sort(found, std::less<>(), &MappedDevice::name);
	return found;
}

uint32_t users_of(DeviceNumber device)
{
	DmRequest request(DM_DEVICE_INFO, device);
	return request.run() ? static_cast<uint32_t>(std::max(request.info().open_count, 0)) : 0;
}

void create_mapped(const std::string &name, const std::string &uuid)
{
	DmRequest request(DM_DEVICE_CREATE, name);
	dm_task_set_uuid(request.get(), uuid.c_str());
	if (request.try_run())
		return;
	if (request.error() == EBUSY)
		throw Failure(fmt::format("there is a device {} already", name));
	throw Failure(fmt::format("{} cannot be made: {}", name, DmRequest::complaint()));
}

void load_mapped(const std::string &name, const TableLine &line)
{
	DmRequest request(DM_DEVICE_RELOAD, name);
	dm_task_add_target(request.get(), 0, line.sectors, line.target.c_str(), line.words.c_str());
	if (!request.try_run())
		throw Failure(fmt::format("{} does not take the table \"{} {}\": {}; the kernel's "
					  "log may say more",
					  name, line.target, line.words, DmRequest::complaint()));
}

void suspend_mapped(const std::string &name)
{
	DmRequest request(DM_DEVICE_SUSPEND, name);
	if (!request.try_run())
		throw Failure(
			fmt::format("{} cannot be suspended: {}", name, DmRequest::complaint()));
}

void resume_mapped(const std::string &name)
{
	DmRequest request(DM_DEVICE_RESUME, name);
	dm_task_set_add_node(request.get(), DM_ADD_NODE_ON_RESUME);
	/*
	 * It has the same UUIDs as the device under it.  It must not take that device's links,
	 * nor be assembled into an array or a volume group.
	 */
	request.run_with_udev(name + " cannot be resumed",
			      DM_UDEV_DISABLE_DISK_RULES_FLAG | DM_UDEV_DISABLE_OTHER_RULES_FLAG);
}

void exchange_table(const std::string &name)
{
	SignalsBlocked blocked;
	suspend_mapped(name);
	try {
		resume_mapped(name);
	} catch (const Failure &) {
		/* There was no semaphore for udev, or the kernel refused the new table. */
		DmRequest(DM_DEVICE_RESUME, name).try_run_without_udev();
		throw;
	}
}

void remove_mapped(const std::string &name)
{
	DmRequest request(DM_DEVICE_REMOVE, name);
	/* udev may have it open at this moment. */
	dm_task_retry_remove(request.get());
	request.run_with_udev(name + " cannot be removed");
}

} // namespace dmsnap::tool
