// SPDX-License-Identifier: GPL-2.0-only
/*
 * The process that removes a snapshot, or resumes the next one on its COW device, is killed while
 * the device does not answer.
 */
#include <gtest/gtest.h>

#include "support/killed_process.hpp"
#include "support/seed.hpp"
#include "unit/target/handover_fixture.hpp"
#include "user/memory.hpp"

namespace dmsnap::test {
namespace {

using user::Mapped;
using user::TargetType;

/* A process that removes a snapshot is killed while the COW device does not answer. */
class KilledRemovalTest : public HandoverTest {
protected:
	/* Returns when the removal waits. */
	void begin_removal()
	{
		removed_ = false;
		fixture_.world.spawn("removal", [&] {
			source_.mapped.remove();
			removed_ = true;
		});
		fixture_.world.run_for(3'000'000'000);
		EXPECT_FALSE(removed_);
	}

	void remove_and_kill()
	{
		begin_removal();
		fixture_.world.kill("removal");
		fixture_.world.settle();
		EXPECT_TRUE(removed_);
	}

	/* The device answers again; checks the result. */
	void answer()
	{
		source_.cow.release();
		fixture_.world.settle();
		ASSERT_EQ(source_.mapped.create(TargetType::snapshot, 4096, source_.words), 0);
		EXPECT_TRUE(fixture_.right(source_));
	}

	int load_again()
	{
		int error = source_.mapped.load(TargetType::snapshot, 4096, source_.words);
		EXPECT_EQ(source_.mapped.error_text(),
			  "COW device is in use until I/O of a removed snapshot ends");
		return error;
	}

	bool removed_ = false;
};

TEST_F(KilledRemovalTest, ends_although_unflushed_writes_cannot_be_recorded)
{
	ASSERT_EQ(fixture_.write(source_, 0, 64), 0);
	ASSERT_EQ(source_.mapped.flush(), 0);
	ASSERT_EQ(fixture_.write(source_, 64, 64), 0);
	source_.cow.hold_all();
	remove_and_kill();
	EXPECT_TRUE(fixture_.world.log_holds("the removal of a snapshot was interrupted"));
	/* A write in flight could reach the device after writes of the next owner. */
	EXPECT_EQ(load_again(), -22);
	ASSERT_EQ(fixture_.write(512, 8), 0);
	/* The mapped device is not active then, so the snapshot does not get a copy. */
	source_.frozen.write(512, fixture_.disk.peek(512, 8));
	answer();
}

/* The memory to detach from dm's target cannot be allocated, so the removal waits. */
TEST_F(KilledRemovalTest, waits_where_memory_is_short)
{
	for (uint64_t missing : {0, 1, 2, 3, 4}) {
		ASSERT_EQ(fixture_.write(source_, 64 * missing, 64), 0);
		source_.cow.hold_all();
		begin_removal();
		user::Memory::instance().fail_construct_at(missing);
		fixture_.world.kill("removal");
		fixture_.world.settle();
		user::Memory::instance().fail_nothing();
		EXPECT_FALSE(removed_) << missing;
		answer();
		EXPECT_TRUE(removed_);
	}
}

TEST_F(KilledRemovalTest, ends_although_an_area_is_being_zeroed)
{
	source_.cow.hold(user::Op::zero);
	ASSERT_EQ(fixture_.write(source_, 0, 150 * 8), 0);
	ASSERT_EQ(source_.mapped.flush(), 0);
	ASSERT_EQ(source_.cow.held(), 1u);
	remove_and_kill();
	EXPECT_EQ(load_again(), -22);
	answer();
}

/* A copy for both snapshots reads the origin through the one that is removed. */
TEST_F(KilledRemovalTest, costs_no_other_snapshot_its_copy)
{
	auto &other = fixture_.add("P 8");
	source_.cow.hold_all();
	fixture_.disk.hold(user::Op::read);
	auto write = fixture_.start_write(0, 8);
	fixture_.world.settle();
	remove_and_kill();
	fixture_.disk.release();
	fixture_.world.settle();
	EXPECT_TRUE(write->done);
	EXPECT_TRUE(fixture_.right(other));
	answer();
}

TEST_F(KilledRemovalTest, a_suspend_that_is_killed_can_be_done_again)
{
	ASSERT_EQ(fixture_.write(source_, 0, 64), 0);
	source_.cow.hold_all();
	bool ended = false;
	fixture_.world.spawn("suspend", [&] {
		source_.mapped.suspend();
		ended = true;
	});
	fixture_.world.settle();
	EXPECT_FALSE(ended);
	fixture_.world.kill("suspend");
	fixture_.world.settle();
	EXPECT_TRUE(ended);
	EXPECT_EQ(source_.mapped.resume(), 0);
	source_.cow.release();
	source_.mapped.suspend();
	EXPECT_EQ(source_.mapped.resume(), 0);
	source_.mapped.suspend();
	source_.mapped.remove();
	answer();
}

/* Two removals are killed.  One of the devices answers much later than the other. */
TEST_F(KilledRemovalTest, keeps_no_other_device_in_use)
{
	auto &other = fixture_.add("P 8");
	ASSERT_EQ(fixture_.write(source_, 0, 64), 0);
	ASSERT_EQ(fixture_.write(other, 0, 64), 0);
	source_.cow.hold_all();
	other.cow.hold_all();
	remove_and_kill();
	fixture_.world.spawn("removal", [&] { other.mapped.remove(); });
	fixture_.world.run_for(3'000'000'000);
	fixture_.world.kill("removal");
	fixture_.world.settle();

	other.cow.release();
	fixture_.world.settle();
	ASSERT_EQ(other.mapped.create(TargetType::snapshot, 4096, other.words), 0);
	EXPECT_TRUE(fixture_.right(other));
	EXPECT_EQ(load_again(), -22);
	answer();
}

/* The process that sends the message "commit" is killed. */
class KilledCommitTest : public KilledRemovalTest {
protected:
	void send_and_kill()
	{
		EXPECT_EQ(result_of_killed(fixture_.world, "message",
					   [&] { return source_.mapped.message({"commit"}); }),
			  -EINTR);
	}
};

TEST_F(KilledCommitTest, ends_and_so_does_a_removal_that_is_killed)
{
	ASSERT_EQ(fixture_.write(source_, 0, 64), 0);
	source_.cow.hold_all();
	send_and_kill();
	remove_and_kill();
	EXPECT_EQ(load_again(), -22);
	answer();
}

/* All is recorded, and only the flush of the device is waited for. */
TEST_F(KilledCommitTest, ends_during_a_flush)
{
	ASSERT_EQ(fixture_.write(source_, 0, 64), 0);
	ASSERT_EQ(source_.mapped.flush(), 0);
	source_.cow.hold_all();
	send_and_kill();
	source_.cow.release();
	fixture_.world.settle();
	EXPECT_EQ(source_.mapped.message({"commit"}), 0);
	EXPECT_TRUE(fixture_.right(source_));
}

TEST_F(KilledCommitTest, of_a_snapshot_that_is_lost_meanwhile)
{
	ASSERT_EQ(fixture_.write(source_, 0, 64), 0);
	source_.cow.fail_range(user::Op::write, 0, 16384);
	source_.cow.hold_all();
	send_and_kill();
	source_.cow.release();
	fixture_.world.settle();
	EXPECT_EQ(source_.mapped.status(), "Invalid");
	EXPECT_EQ(source_.mapped.message({"commit"}), -EIO);
}

/* The message and its kill come in any order with the end of the commit. */
TEST(KilledCommit, ends_once)
{
	for_seeds(200, [](uint64_t seed) {
		SnapshotFixture fixture(4096, {.order = user::Order::random, .seed = seed});
		auto &snap = fixture.add("P 8");
		ASSERT_EQ(fixture.write(snap, 0, 64), 0);
		snap.cow.hold_all();
		bool ended = false;
		fixture.world.spawn("message", [&] {
			snap.mapped.message({"commit"});
			ended = true;
		});
		fixture.world.run_for(100'000'000);
		fixture.world.spawn("answer", [&] { snap.cow.release(); });
		fixture.world.kill("message");
		fixture.world.settle();
		EXPECT_TRUE(ended);
		EXPECT_EQ(snap.mapped.message({"commit"}), 0);
		EXPECT_TRUE(fixture.right(snap));
	});
}

/* The process that resumes the new table is killed while I/O of the store does not end. */
class KilledResumeTest : public KilledRemovalTest {
protected:
	void resume_and_kill(Mapped &mapped)
	{
		EXPECT_EQ(result_of_killed(fixture_.world, "resume",
					   [&] { return mapped.resume(); }),
			  -EINTR);
	}
};

TEST_F(KilledResumeTest, ends_although_unflushed_writes_cannot_be_recorded)
{
	ASSERT_EQ(fixture_.write(source_, 0, 64), 0);
	source_.cow.hold_all();
	ASSERT_EQ(source_.mapped.load(TargetType::snapshot, 4096, source_.words), 0);
	resume_and_kill(source_.mapped);
	EXPECT_TRUE(fixture_.world.log_holds("resuming a snapshot was interrupted"));
	/* The source went with the old table. */
	EXPECT_EQ(source_.mapped.status(), "Invalid");
	source_.mapped.remove();
	EXPECT_EQ(load_again(), -22);
	answer();
}

TEST_F(KilledResumeTest, leaves_the_store_with_a_source_on_another_device)
{
	ASSERT_EQ(load(), 0);
	source_.mapped.suspend();
	source_.cow.hold_all();
	auto copied = fixture_.start_write(0, 8);
	fixture_.world.settle();
	resume_and_kill(destination_);
	/* The source makes the copies that are needed in the meantime. */
	auto waits = fixture_.start_write(512, 8);
	fixture_.world.settle();
	EXPECT_FALSE(copied->done);
	EXPECT_FALSE(waits->done);
	source_.cow.release();
	EXPECT_EQ(fixture_.origin.wait(copied), 0);
	EXPECT_EQ(fixture_.origin.wait(waits), 0);
	EXPECT_EQ(destination_.resume(), 0);
	EXPECT_TRUE(destination_right());
}

/* The result of a killed wait does not cover I/O that started since. */
TEST_F(KilledResumeTest, waits_again_the_next_time)
{
	ASSERT_EQ(fixture_.write(source_, 0, 120 * 8), 0);
	ASSERT_EQ(source_.mapped.flush(), 0);
	fixture_.world.run_for(2'000'000'000);
	ASSERT_EQ(load(), 0);
	source_.mapped.suspend();
	source_.cow.hold(user::Op::zero);
	ASSERT_EQ(fixture_.write(1000, 20 * 8), 0);
	fixture_.world.settle();
	ASSERT_EQ(source_.cow.held(), 1u);
	resume_and_kill(destination_);
	source_.cow.release();
	fixture_.world.settle();
	source_.cow.hold(user::Op::zero);
	ASSERT_EQ(fixture_.write(2000, 256 * 8), 0);
	fixture_.world.settle();
	ASSERT_EQ(source_.cow.held(), 1u);
	resume_and_kill(destination_);
	source_.cow.release();
	EXPECT_EQ(destination_.resume(), 0);
	EXPECT_TRUE(destination_right());
}

TEST_F(KilledResumeTest, lets_the_source_continue)
{
	ASSERT_EQ(load(), 0);
	source_.mapped.suspend();
	source_.cow.hold_all();
	auto copied = fixture_.start_write(0, 8);
	fixture_.world.settle();
	resume_and_kill(destination_);
	destination_.remove();
	source_.cow.release();
	EXPECT_EQ(fixture_.origin.wait(copied), 0);
	EXPECT_EQ(source_.mapped.resume(), 0);
	EXPECT_TRUE(fixture_.right(source_));
}

/* Its suspend requests a commit after the one in flight, and nothing waits for it any more. */
TEST(KilledRemoval, takes_its_wait_for_a_commit_out_of_the_queue)
{
	for_seeds(100, [](uint64_t seed) {
		SnapshotFixture fixture(4096, {.order = user::Order::random, .seed = seed});
		SnapshotFixture::Snap &snap = fixture.add("P 8");
		ASSERT_EQ(fixture.write(snap, 0, 64), 0);
		/* The second after which writes are recorded is almost over. */
		fixture.world.run_for(999'000'000);
		snap.cow.hold_all();
		fixture.world.run_for(100'000'000);
		ASSERT_GT(snap.cow.held(), 0u);
		bool ended = false;
		fixture.world.spawn("removal", [&] {
			snap.mapped.remove();
			ended = true;
		});
		fixture.world.run_for(100'000'000);
		EXPECT_FALSE(ended);
		fixture.world.kill("removal");
		fixture.world.settle();
		EXPECT_TRUE(ended);
		snap.cow.release();
		fixture.world.settle();
		ASSERT_EQ(snap.mapped.create(TargetType::snapshot, 4096, snap.words), 0);
		EXPECT_TRUE(fixture.right(snap));
	});
}

/* The snapshot becomes invalid while the removal gives up its wait. */
TEST(KilledRemoval, tells_dm_of_no_event_after_its_end)
{
	for_seeds(200, [](uint64_t seed) {
		SnapshotFixture fixture(4096, {.order = user::Order::random, .seed = seed});
		auto &snap = fixture.add("P 8");
		ASSERT_EQ(fixture.write(snap, 0, 64), 0);
		snap.cow.hold_all();
		bool ended = false;
		fixture.world.spawn("removal", [&] {
			snap.mapped.remove();
			ended = true;
		});
		fixture.world.run_for(3'000'000'000);
		snap.cow.fail_range(user::Op::write, 0, 16384);
		fixture.world.spawn("answer", [&] { snap.cow.release(); });
		fixture.world.kill("removal");
		fixture.world.run_until_idle();
		EXPECT_TRUE(ended);
	});
}

} // namespace
} // namespace dmsnap::test
