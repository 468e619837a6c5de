// SPDX-License-Identifier: GPL-2.0-only
/* What a handover waits for.  A handover that hangs must not delay another snapshot. */
#include <gtest/gtest.h>

#include "support/seed.hpp"
#include "unit/target/handover_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Mapped;
using user::TargetType;

TEST_F(HandoverTest, waits_for_copies_under_way_and_holds_back_others)
{
	ASSERT_EQ(load(), 0);
	source_.mapped.suspend();
	fixture_.disk.hold(user::Op::read);
	auto before = fixture_.start_write(0, 64);
	fixture_.world.settle();
	bool resumed = false;
	fixture_.world.spawn("resume", [&] {
		EXPECT_EQ(destination_.resume(), 0);
		resumed = true;
	});
	fixture_.world.settle();
	auto meanwhile = fixture_.start_write(640, 64);
	fixture_.world.settle();
	EXPECT_FALSE(resumed);
	EXPECT_FALSE(before->done);
	EXPECT_FALSE(meanwhile->done);
	fixture_.disk.release();
	EXPECT_EQ(fixture_.origin.wait(before), 0);
	EXPECT_EQ(fixture_.origin.wait(meanwhile), 0);
	fixture_.world.settle();
	EXPECT_TRUE(resumed);
	EXPECT_TRUE(destination_right());
}

TEST_F(HandoverTest, an_invalidation_under_way_is_waited_for)
{
	ASSERT_EQ(load(), 0);
	source_.mapped.suspend();
	source_.cow.fail_nth(user::Op::write, 1);
	auto write = fixture_.start_write(0, 8);
	fixture_.world.run_until([&] { return source_.cow.counters().writes == 1; });
	source_.cow.hold(user::Op::write);
	fixture_.world.settle();
	bool resumed = false;
	fixture_.world.spawn("resume", [&] {
		EXPECT_EQ(destination_.resume(), 0);
		resumed = true;
	});
	fixture_.world.settle();
	EXPECT_FALSE(resumed);
	source_.cow.release();
	EXPECT_EQ(fixture_.origin.wait(write), 0);
	fixture_.world.settle();
	EXPECT_TRUE(resumed);
	EXPECT_EQ(destination_.status(), "Invalid");
}

/* More than half an area is used, so the store zeroes the next one. */
TEST_F(HandoverTest, waits_for_the_next_area_to_be_zeroed)
{
	fixture_.world.run_for(2'000'000'000);
	source_.cow.hold(user::Op::zero);
	ASSERT_EQ(fixture_.write(source_, 0, 150 * 8), 0);
	ASSERT_EQ(source_.mapped.flush(), 0);
	fixture_.world.settle();
	ASSERT_EQ(source_.cow.held(), 1u);
	ASSERT_EQ(load(), 0);
	source_.mapped.suspend();
	bool resumed = false;
	fixture_.world.spawn("resume", [&] {
		EXPECT_EQ(destination_.resume(), 0);
		source_.mapped.remove();
		resumed = true;
	});
	fixture_.world.settle();
	EXPECT_FALSE(resumed);
	source_.cow.release();
	fixture_.world.settle();
	EXPECT_TRUE(resumed);
	EXPECT_TRUE(destination_right());
}

/* What waited for the preresume may continue before the resume marks the source again. */
TEST(Handover, waits_for_what_has_come_since_the_preresume)
{
	unsigned int zeroed = 0;
	for_seeds(200, [&](uint64_t seed) {
		SnapshotFixture fixture(4096, {.order = user::Order::random, .seed = seed});
		SnapshotFixture::Snap &source = fixture.add("P 8");
		Mapped destination("destination");
		ASSERT_EQ(fixture.write(source, 0, 120 * 8), 0);
		ASSERT_EQ(source.mapped.flush(), 0);
		source.cow.hold(user::Op::zero);
		ASSERT_EQ(destination.load(TargetType::snapshot, 4096, source.words), 0);
		source.mapped.suspend();
		fixture.disk.hold(user::Op::read);
		auto before = fixture.start_write(1000, 8);
		fixture.world.settle();
		bool resumed = false;
		fixture.world.spawn("resume", [&] {
			EXPECT_EQ(destination.resume(), 0);
			EXPECT_EQ(source.cow.held(), 0u);
			source.mapped.remove();
			resumed = true;
		});
		fixture.world.settle();
		auto meanwhile = fixture.start_write(2000, 160);
		fixture.world.settle();
		EXPECT_FALSE(meanwhile->done);
		fixture.disk.release();
		fixture.world.settle();
		zeroed += !resumed;
		source.cow.release();
		fixture.world.settle();
		EXPECT_TRUE(resumed);
		EXPECT_EQ(fixture.origin.wait(before), 0);
		EXPECT_EQ(fixture.origin.wait(meanwhile), 0);
		EXPECT_TRUE(SnapshotFixture::right(source, destination));
	});
	/* In some of the runs an area was being zeroed. */
	EXPECT_GT(zeroed, 0u);
}

/* The neighbour's COW device does not answer, and a copy for both is in flight. */
class HungNeighbourTest : public HandoverTest {
protected:
	void SetUp() override
	{
		fixture_.world.add_device({.name = "other_disk", .sectors = 4096});
		fixture_.world.add_device({.name = "other_cow", .sectors = 4096});
		ASSERT_EQ(other_.create(TargetType::snapshot, 4096, "other_disk other_cow P 8"), 0);
		hung_.cow.hold_all();
		write_ = fixture_.start_write(0, 8);
		fixture_.world.settle();
		ASSERT_FALSE(write_->done);
	}

	/* @body must end in a process while the device hangs. */
	void expect_ends(const char *name, const std::function<void()> &body)
	{
		bool ended = false;
		fixture_.world.spawn(name, [&] {
			body();
			ended = true;
		});
		fixture_.world.settle();
		EXPECT_TRUE(ended) << name;
	}

	void TearDown() override
	{
		hung_.cow.release();
		EXPECT_EQ(fixture_.origin.wait(write_), 0);
		fixture_.world.settle();
		EXPECT_TRUE(fixture_.right(hung_));
	}

	SnapshotFixture::Snap &hung_ = fixture_.add("P 8");
	Mapped other_{"other"};
	Mapped::Handle write_;
};

TEST_F(HungNeighbourTest, another_snapshot_changes_hands)
{
	ASSERT_EQ(load(), 0);
	expect_ends("handover", [&] {
		source_.mapped.suspend();
		EXPECT_EQ(destination_.resume(), 0);
	});
	EXPECT_TRUE(destination_right());
}

TEST_F(HungNeighbourTest, another_snapshot_is_removed)
{
	expect_ends("removal", [&] { source_.mapped.remove(); });
}

/* Only the hung snapshot waits, in its own handover. */
TEST_F(HungNeighbourTest, a_hung_handover_delays_no_other_snapshot)
{
	Mapped taker("taker");
	ASSERT_EQ(taker.load(TargetType::snapshot, 4096, hung_.words), 0);
	bool taken = false;
	fixture_.world.spawn("hung handover", [&] {
		hung_.mapped.suspend();
		EXPECT_EQ(taker.resume(), 0);
		taken = true;
	});
	fixture_.world.settle();
	EXPECT_FALSE(taken);

	expect_ends("status", [&] {
		EXPECT_EQ(other_.status(), "16/4096 16");
		EXPECT_NE(source_.mapped.status(), "Invalid");
		EXPECT_NE(hung_.mapped.status(), "Invalid");
	});
	expect_ends("constructor", [&] {
		Mapped third("third");
		fixture_.world.add_device({.name = "third_cow", .sectors = 4096});
		EXPECT_EQ(third.create(TargetType::snapshot, 4096, "disk third_cow P 8"), 0);
	});
	expect_ends("handover", [&] {
		ASSERT_EQ(load(), 0);
		source_.mapped.suspend();
		EXPECT_EQ(destination_.resume(), 0);
	});
	expect_ends("resume and removal of another origin's", [&] {
		other_.suspend();
		EXPECT_EQ(other_.resume(), 0);
		other_.remove();
	});
	/* It is about to lose its store, and refuses messages. */
	EXPECT_EQ(hung_.mapped.message({"commit"}), -16);

	hung_.cow.release();
	fixture_.world.settle();
	EXPECT_TRUE(taken);
	taker.suspend();
	taker.remove();
	hung_.mapped.remove();
	ASSERT_EQ(hung_.mapped.create(TargetType::snapshot, 4096, hung_.words), 0);
}

/* The source's device is removed while its store is being handed over. */
TEST_F(HungNeighbourTest, a_source_that_is_removed_waits_for_its_handover)
{
	Mapped taker("taker");
	ASSERT_EQ(taker.load(TargetType::snapshot, 4096, hung_.words), 0);
	bool taken = false;
	bool removed = false;
	fixture_.world.spawn("hung handover", [&] {
		hung_.mapped.suspend();
		EXPECT_EQ(taker.resume(), 0);
		taken = true;
	});
	fixture_.world.settle();
	fixture_.world.spawn("removal", [&] {
		hung_.mapped.remove();
		removed = true;
	});
	fixture_.world.settle();
	EXPECT_FALSE(removed);
	hung_.cow.release();
	fixture_.world.settle();
	EXPECT_TRUE(taken);
	EXPECT_TRUE(removed);
	EXPECT_FALSE(fixture_.world.log_holds("Cancelling snapshot handover."));
	EXPECT_NE(taker.status(), "Invalid");
	taker.suspend();
	taker.remove();
	ASSERT_EQ(hung_.mapped.create(TargetType::snapshot, 4096, hung_.words), 0);
}

/* A removal between the preresume and the resume leaves the destination without a store. */
TEST(Handover, and_a_removal_of_its_source_come_one_after_the_other)
{
	unsigned int taken = 0;
	for_seeds(200, [&](uint64_t seed) {
		SnapshotFixture fixture(4096, {.order = user::Order::random, .seed = seed});
		SnapshotFixture::Snap &source = fixture.add("P 8");
		Mapped taker("taker");
		ASSERT_EQ(fixture.write(source, 0, 64), 0);
		ASSERT_EQ(taker.load(TargetType::snapshot, 4096, source.words), 0);
		source.mapped.suspend();
		source.cow.hold_all();
		auto write = fixture.start_write(1024, 8);
		fixture.world.settle();
		int error = 0;
		fixture.world.spawn("resume", [&] { error = taker.resume(); });
		fixture.world.settle();
		fixture.world.spawn("removal", [&] { source.mapped.remove(); });
		fixture.world.settle();
		source.cow.release();
		fixture.world.settle();
		EXPECT_EQ(fixture.origin.wait(write), 0);
		EXPECT_EQ(error, 0);
		bool cancelled = fixture.world.log_holds("Cancelling snapshot handover.");
		EXPECT_EQ(taker.status() == "Invalid", cancelled);
		taken += !cancelled;
		if (cancelled)
			return;
		EXPECT_TRUE(SnapshotFixture::right(source, taker));
	});
	EXPECT_GT(taken, 0u);
}

} // namespace
} // namespace dmsnap::test
