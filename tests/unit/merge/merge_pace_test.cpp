// SPDX-License-Identifier: GPL-2.0-only
/* Merges that are suspended, paused or slowed down. */
#include <cerrno>

#include <gtest/gtest.h>

#include "support/seed.hpp"
#include "unit/merge/merge_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Mapped;
using user::Op;
using user::TargetType;

TEST_F(MergeTest, continues_after_a_killed_suspend)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	for (uint64_t at = 0; at < disk_sectors; at += 16)
		ASSERT_EQ(fixture_.write(snap, at, 8), 0);
	ASSERT_EQ(begin(snap), 0);
	/* The read keeps the suspend waiting. */
	fixture_.disk.hold(Op::read);
	Mapped::Handle read = merging_.start_read(disk_sectors - 8, 8);
	int error = 0;
	fixture_.world.spawn("suspend", [&] { error = merging_.suspend(); });
	fixture_.world.run_for(100'000'000);
	fixture_.world.kill("suspend");
	fixture_.world.settle();
	EXPECT_EQ(error, -EINTR);
	EXPECT_FALSE(merging_.suspended());
	fixture_.disk.release();
	fixture_.world.run_until_idle();
	EXPECT_TRUE(read->done);
	EXPECT_EQ(merging_.status(), "16/65536 16");
	EXPECT_TRUE(merged(snap));
}

TEST_F(MergeTest, a_suspend_ends_the_batch_and_a_resume_continues)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	write_random(snap, 1500);
	ASSERT_EQ(begin(snap), 0);
	int rounds = 0;
	while (merging_.status() != "16/65536 16") {
		fixture_.world.run_for(10'000);
		merging_.suspend();
		fixture_.world.settle();
		std::string status = merging_.status();
		fixture_.world.run_for(1'000'000'000);
		EXPECT_EQ(merging_.status(), status);
		ASSERT_EQ(merging_.resume(), 0);
		ASSERT_LT(++rounds, 100);
	}
	EXPECT_GT(rounds, 1);
	EXPECT_TRUE(merged(snap));
}

TEST_F(MergeTest, that_is_paused_continues_on_request)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	write_random(snap, 1500);
	ASSERT_EQ(begin(snap), 0);
	ASSERT_TRUE(fixture_.world.step());
	ASSERT_EQ(merging_.message({"merge", "pause"}), 0);
	fixture_.world.run_until_idle();
	std::string status = merging_.status();
	EXPECT_NE(status, "16/65536 16");
	EXPECT_EQ(merging_.events(), 0u);
	EXPECT_TRUE(shows(snap));

	/* A resume of the device does not end the pause. */
	merging_.suspend();
	ASSERT_EQ(merging_.resume(), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), status);

	/* The end of the pause starts nothing while the device is suspended. */
	merging_.suspend();
	ASSERT_EQ(merging_.message({"merge", "resume"}), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), status);
	ASSERT_EQ(merging_.resume(), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "16/65536 16");
	EXPECT_EQ(merging_.events(), 1u);
	EXPECT_TRUE(merged(snap));
}

/* The end of a pause may come while the run ends that it was to end. */
TEST(MergePause, that_ends_soon_loses_no_request_to_continue)
{
	for_seeds(400, [](uint64_t seed) {
		SnapshotFixture fixture(disk_sectors, {.order = user::Order::random, .seed = seed});
		user::Mapped merging{"merging"};
		SnapshotFixture::Snap &snap = fixture.add("P 8", cow_sectors);
		for (uint64_t n = 0; n < 100; n++)
			ASSERT_EQ(fixture.write(snap, n * 16, 8), 0);
		snap.mapped.remove();
		fixture.origin.remove();
		ASSERT_EQ(merging.create(TargetType::merge, disk_sectors, snap.words), 0);
		fixture.world.spawn("admin", [&] {
			for (int n = 0; n < 3; n++) {
				EXPECT_EQ(merging.message({"merge", "pause"}), 0);
				EXPECT_EQ(merging.message({"merge", "resume"}), 0);
			}
		});
		fixture.world.settle();
		fixture.world.run_until_idle();
		EXPECT_EQ(merging.status(), "16/65536 16");
	});
}

TEST_F(MergeTest, keeps_to_its_rate)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	for (uint64_t chunk = 0; chunk < 1000; chunk++)
		ASSERT_EQ(fixture_.write(snap, chunk * 16, 8), 0);
	snap.mapped.remove();
	fixture_.origin.remove();
	ASSERT_EQ(merging_.load(TargetType::merge, disk_sectors, snap.words), 0);
	uint64_t begun = fixture_.world.now_ns();
	ASSERT_EQ(merging_.resume(), 0);
	ASSERT_EQ(merging_.message({"merge", "rate", "1000"}), 0);
	while (merging_.events() == 0)
		ASSERT_TRUE(fixture_.world.step());
	EXPECT_TRUE(merged(snap));
	/* 4000 KiB; it does not wait after the last quarter of a second. */
	double seconds = static_cast<double>(fixture_.world.now_ns() - begun) / 1e9;
	EXPECT_GE(seconds, 3.7);
	EXPECT_LE(seconds, 4.3);
}

TEST_F(MergeTest, a_slow_one_is_suspended_and_hurried_at_once)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	write_random(snap, 300);
	ASSERT_EQ(begin(snap), 0);
	ASSERT_EQ(merging_.message({"merge", "rate", "1"}), 0);
	fixture_.world.run_for(2000000000);
	ASSERT_NE(merging_.status(), "16/65536 16");

	/* The merge is waiting several seconds for its next batch. */
	uint64_t begun = fixture_.world.now_ns();
	merging_.suspend();
	EXPECT_LT(fixture_.world.now_ns() - begun, 100000000u);
	ASSERT_EQ(merging_.resume(), 0);
	ASSERT_EQ(merging_.message({"merge", "rate", "0"}), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "16/65536 16");
	EXPECT_TRUE(merged(snap));
}

TEST_F(MergeTest, a_higher_rate_holds_for_the_batch_that_waits_already)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	write_random(snap, 300);
	ASSERT_EQ(begin(snap), 0);
	ASSERT_EQ(merging_.message({"merge", "rate", "1"}), 0);
	fixture_.world.run_for(9'000'000'000);
	std::string before = merging_.status();
	/* One chunk of 4 KiB every 4 seconds. */
	while (merging_.status() == before)
		ASSERT_TRUE(fixture_.world.step());
	before = merging_.status();
	fixture_.world.run_for(500'000'000);
	EXPECT_EQ(merging_.status(), before);
	/* Now a chunk takes one second. */
	ASSERT_EQ(merging_.message({"merge", "rate", "4"}), 0);
	fixture_.world.run_for(700'000'000);
	EXPECT_NE(merging_.status(), before);
}

TEST_F(MergeTest, takes_smaller_batches_beside_users_of_a_slow_device)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(fixture_.write(0, 1000 * 8), 0);
	ASSERT_EQ(begin(snap), 0);
	unsigned int batches = 0;
	fixture_.disk.hold(Op::flush);
	for (; merging_.status() != "16/65536 16"; batches++) {
		ASSERT_LT(batches, 100u);
		fixture_.world.run_for(20'000'000);
		merging_.read(0, 8);
		fixture_.disk.release();
		fixture_.disk.hold(Op::flush);
		fixture_.world.run_for(1'000'000);
	}
	fixture_.disk.release();
	/* A batch of 256 takes 20 ms; the target is 8 ms, and the minimum 32 chunks. */
	EXPECT_GT(batches, 15u);
	EXPECT_TRUE(merged(snap));
}

} // namespace
} // namespace dmsnap::test
