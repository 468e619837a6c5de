// SPDX-License-Identifier: GPL-2.0-only
#include "live/dm_request.hpp"

#include <cerrno>
#include <cstdarg>
#include <cstdio>

#include <fmt/format.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace dmsnap::tool {
namespace {

std::string first_complaint;

__attribute__((format(printf, 5, 6))) void keep_complaint(int level, const char *, int, int,
							  const char *format, ...)
{
	/* The levels of syslog; higher bits say where the message goes. */
	constexpr int level_mask = 7, level_error = 3;
	char text[512];
	va_list arguments;

	if ((level & level_mask) > level_error || !first_complaint.empty())
		return;
	va_start(arguments, format);
	std::vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	first_complaint = text;
}

} // namespace

const std::string &DmRequest::complaint()
{
	return first_complaint;
}

Failure DmRequest::cannot_ask()
{
	if (geteuid() != 0)
		return Failure("must be root to query device mapper");
	return Failure(fmt::format("cannot query device mapper: {}", first_complaint));
}

DmRequest::DmRequest(int type)
{
	dm_log_with_errno_init(keep_complaint);
	first_complaint.clear();
	task_.reset(dm_task_create(type));
	if (!task_)
		throw cannot_ask();
	/* The suspend waits for I/O in flight and freezes the file system. */
	if (type != DM_DEVICE_SUSPEND)
		dm_task_no_flush(task_.get());
	dm_task_no_open_count(task_.get());
}

DmRequest::DmRequest(int type, DeviceNumber device) : DmRequest(type)
{
	dm_task_set_major_minor(task_.get(), static_cast<int>(device.major),
				static_cast<int>(device.minor), 0);
}

DmRequest::DmRequest(int type, const std::string &name) : DmRequest(type)
{
	dm_task_set_name(task_.get(), name.c_str());
}

bool DmRequest::run()
{
	if (try_run())
		return info().exists;
	if (error() == ENXIO)
		return false;
	throw cannot_ask();
}

void DmRequest::run_with_udev(const std::string &what, uint16_t udev_flags)
{
	uint32_t cookie = 0;
	bool done = dm_task_set_cookie(task_.get(), &cookie, udev_flags) && try_run();
	/* A copy, because the wait resets the error messages. */
	const std::string why = first_complaint;
	if (cookie)
		dm_udev_wait(cookie);
	if (!done)
		throw Failure(fmt::format("{}: {}", what, why));
}

bool DmRequest::try_run_without_udev()
{
	int sync = dm_udev_get_sync_support();
	dm_udev_set_sync_support(0);
	bool done = try_run();
	dm_udev_set_sync_support(sync);
	return done;
}

dm_info DmRequest::info() const
{
	dm_info info = {};
	dm_task_get_info(task_.get(), &info);
	return info;
}

std::string DmRequest::uuid() const
{
	const char *uuid = dm_task_get_uuid(task_.get());
	return uuid ? uuid : "";
}

bool DmRequest::first_line(std::string &target, std::string &words) const
{
	uint64_t start = 0, length = 0;
	char *type = nullptr, *params = nullptr;
	dm_get_next_target(task_.get(), nullptr, &start, &length, &type, &params);
	if (!type || !params)
		return false;
	target = type;
	words = params;
	return true;
}

std::vector<DeviceNumber> all_mapped_devices()
{
	std::vector<DeviceNumber> devices;
	DmRequest request(DM_DEVICE_LIST);
	if (!request.try_run())
		throw DmRequest::cannot_ask();
	const dm_names *names = dm_task_get_names(request.get());
	/* An empty list has one entry without a number. */
	while (names && names->dev) {
		devices.push_back({major(names->dev), minor(names->dev)});
		if (!names->next)
			break;
		names = reinterpret_cast<const dm_names *>(reinterpret_cast<const char *>(names) +
							   names->next);
	}
	return devices;
}

} // namespace dmsnap::tool
