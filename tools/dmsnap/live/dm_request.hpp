// SPDX-License-Identifier: GPL-2.0-only
/* DmRequest: one request to device mapper, through libdevmapper. */
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <libdevmapper.h>

#include "live/live_snapshot.hpp"
#include "system/failure.hpp"

namespace dmsnap::tool {

class DmRequest {
public:
	explicit DmRequest(int type);
	DmRequest(int type, DeviceNumber device);
	DmRequest(int type, const std::string &name);

	dm_task *get() const { return task_.get(); }

	/* Returns false if there is no such device.  Throws a Failure for any other error. */
	bool run();
	bool try_run() { return dm_task_run(task_.get()); }
	/* Resumes without notice to udev, so it needs no semaphore. */
	bool try_run_without_udev();
	/* For requests that create or remove a node in /dev.  Waits for udev; throws a Failure. */
	void run_with_udev(const std::string &what, uint16_t udev_flags = 0);

	int error() const { return dm_task_get_errno(task_.get()); }
	dm_info info() const;
	/* Empty if it has none. */
	std::string uuid() const;
	/* Sets target and arguments of the table's first line; returns false if there is none. */
	bool first_line(std::string &target, std::string &words) const;

	/* The library's first error message during the last request. */
	static const std::string &complaint();
	static Failure cannot_ask();

private:
	struct Destroy {
		void operator()(dm_task *task) const { dm_task_destroy(task); }
	};
	std::unique_ptr<dm_task, Destroy> task_;
};

std::vector<DeviceNumber> all_mapped_devices();

} // namespace dmsnap::tool
