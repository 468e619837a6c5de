// SPDX-License-Identifier: GPL-2.0-only
/* The exchange of a table, with a fake libdevmapper that fails on request. */
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <libdevmapper.h>

#include "overlay/mapped_device.hpp"
#include "system/failure.hpp"

struct dm_task {
	int type;
	std::string name;
};

namespace {

struct FakeKernel {
	/* The requests in order, each with its device. */
	std::vector<std::string> requests;
	bool has_semaphores = true;
	bool waits_for_udev = true;
	int failing_resumes = 0;
	bool is_suspended = false;
};

FakeKernel kernel;

} // namespace

extern "C" {

void dm_log_with_errno_init(dm_log_with_errno_fn)
{
}

dm_task *dm_task_create(int type)
{
	return new dm_task{type, ""};
}

void dm_task_destroy(dm_task *task)
{
	delete task;
}

int dm_task_set_name(dm_task *task, const char *name)
{
	task->name = name;
	return 1;
}

int dm_task_no_flush(dm_task *)
{
	return 1;
}

int dm_task_no_open_count(dm_task *)
{
	return 1;
}

int dm_task_set_add_node(dm_task *, dm_add_node_t)
{
	return 1;
}

int dm_task_set_cookie(dm_task *, uint32_t *, uint16_t)
{
	return kernel.has_semaphores;
}

int dm_udev_get_sync_support(void)
{
	return kernel.waits_for_udev;
}

void dm_udev_set_sync_support(int waits)
{
	kernel.waits_for_udev = waits != 0;
}

int dm_task_run(dm_task *task)
{
	const bool resumes = task->type == DM_DEVICE_RESUME;

	kernel.requests.push_back((resumes ? "resume " : "suspend ") + task->name +
				  (kernel.waits_for_udev ? "" : " without udev"));
	if (resumes && kernel.failing_resumes > 0) {
		kernel.failing_resumes--;
		return 0;
	}
	kernel.is_suspended = !resumes;
	return 1;
}
}

namespace dmsnap::tool {
namespace {

using Requests = std::vector<std::string>;

class ExchangeTable : public testing::Test {
protected:
	ExchangeTable() { kernel = {}; }
};

TEST_F(ExchangeTable, suspends_and_resumes)
{
	exchange_table("one");
	EXPECT_EQ(kernel.requests, (Requests{"suspend one", "resume one"}));
	EXPECT_FALSE(kernel.is_suspended);
}

TEST_F(ExchangeTable, leaves_nothing_suspended_without_a_semaphore)
{
	kernel.has_semaphores = false;
	EXPECT_THROW(exchange_table("one"), Failure);
	EXPECT_EQ(kernel.requests, (Requests{"suspend one", "resume one without udev"}));
	EXPECT_FALSE(kernel.is_suspended);
}

TEST_F(ExchangeTable, resumes_with_the_old_table_if_the_new_one_is_refused)
{
	kernel.failing_resumes = 1;
	EXPECT_THROW(exchange_table("one"), Failure);
	EXPECT_EQ(kernel.requests,
		  (Requests{"suspend one", "resume one", "resume one without udev"}));
	EXPECT_FALSE(kernel.is_suspended);
	EXPECT_TRUE(kernel.waits_for_udev);
}

TEST_F(ExchangeTable, tries_that_once)
{
	kernel.failing_resumes = 2;
	EXPECT_THROW(exchange_table("one"), Failure);
	EXPECT_EQ(kernel.requests,
		  (Requests{"suspend one", "resume one", "resume one without udev"}));
}

} // namespace
} // namespace dmsnap::tool
