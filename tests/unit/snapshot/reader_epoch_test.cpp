// SPDX-License-Identifier: GPL-2.0-only
/*
 * ReaderEpoch: who is waited for, and who is not.
 */
#include <gtest/gtest.h>

#include "snapshot/reader_epoch.hpp"
#include "user/world.hpp"

namespace dmsnap::test {
namespace {

class EpochTest : public testing::Test {
protected:
	struct Waiting : Task {
		Waiting() : Task([](Task &task) { static_cast<Waiting &>(task).over++; }) {}
		int over = 0;
		ReaderEpoch::Waiter waiter{*this};
	};

	user::World world_;
	Owned<Worker> worker_{std::move(*Worker::create("test"))};
	ReaderEpoch epoch_{*worker_};
};

TEST_F(EpochTest, without_readers_nobody_is_waited_for)
{
	Waiting waiting;
	EXPECT_TRUE(epoch_.wait(waiting.waiter));
	epoch_.leave(epoch_.enter());
	EXPECT_TRUE(epoch_.wait(waiting.waiter));
	world_.settle();
	EXPECT_EQ(waiting.over, 0);
}

TEST_F(EpochTest, every_reader_of_before_is_waited_for_and_none_of_after)
{
	auto first = epoch_.enter();
	auto second = epoch_.enter();
	Waiting waiting;
	EXPECT_FALSE(epoch_.wait(waiting.waiter));
	auto later = epoch_.enter();
	epoch_.leave(second);
	world_.settle();
	EXPECT_EQ(waiting.over, 0);
	epoch_.leave(first);
	world_.settle();
	EXPECT_EQ(waiting.over, 1);
	epoch_.leave(later);
}

TEST_F(EpochTest, who_comes_during_a_wait_has_readers_of_its_own_to_wait_for)
{
	auto first = epoch_.enter();
	Waiting early;
	EXPECT_FALSE(epoch_.wait(early.waiter));
	auto second = epoch_.enter();
	Waiting late;
	EXPECT_FALSE(epoch_.wait(late.waiter));
	epoch_.leave(first);
	world_.settle();
	EXPECT_EQ(early.over, 1);
	EXPECT_EQ(late.over, 0);
	auto third = epoch_.enter();
	epoch_.leave(second);
	world_.settle();
	EXPECT_EQ(late.over, 1);
	epoch_.leave(third);
}

} // namespace
} // namespace dmsnap::test
