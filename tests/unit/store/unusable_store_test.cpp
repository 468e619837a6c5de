// SPDX-License-Identifier: GPL-2.0-only
/* UnusableStore takes nothing, and says so to callers that ask anyway. */
#include "store/unusable_store.hpp"

#include <gtest/gtest.h>

#include "base/worker.hpp"
#include "user/target.hpp"
#include "user/world.hpp"

namespace dmsnap::test {
namespace {

TEST(UnusableStore, has_no_room_and_records_nothing)
{
	user::World world;
	world.add_device({.name = "cow", .sectors = 4096});
	user::Target target;
	dmsnap_device *cow;
	ASSERT_EQ(dmsnap_port_device_open(&target, "cow", DMSNAP_DEVICE_TABLE, &cow), 0);
	{
		auto worker = Worker::create("worker");
		auto store = UnusableStore::create(cow, **worker);
		ASSERT_TRUE(store);
		ExceptionStore &as_any = **store;

		auto chunks = as_any.prepare(1);
		ASSERT_FALSE(chunks);
		EXPECT_EQ(chunks.error(), Error::cow_device_full);
		EXPECT_EQ(as_any.free_chunks(), 0u);
		EXPECT_FALSE(as_any.cut_off());
		EXPECT_EQ(as_any.usage().total_sectors, 4096u);

		CommitBatch batch([](CommitBatch &ended) { EXPECT_FALSE(ended.status); });
		as_any.commit(batch);
		EXPECT_EQ(batch.status.error(), Error::write_failed);
	}
	dmsnap_port_device_close(&target, cow);
}

} // namespace
} // namespace dmsnap::test
