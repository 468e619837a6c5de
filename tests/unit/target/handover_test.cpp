// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two snapshots on one COW device: every cell of the drawing in
 * target/handover.hpp.
 */
#include <gtest/gtest.h>

#include "support/seed.hpp"
#include "unit/snapshot/snapshot_fixture.hpp"
#include "user/memory.hpp"

namespace dmsnap::test {
namespace {

using user::Device;
using user::Mapped;
using user::Target;
using user::TargetType;

constexpr const char *source_first = "Unable to resume snapshot source until handover completes.";
constexpr const char *not_suspended =
	"Unable to perform snapshot handover until source is suspended.";

class HandoverTest : public testing::Test {
protected:
	int load() { return destination_.load(TargetType::snapshot, 4096, source_.words); }

	/* Does the destination show what the source showed? */
	testing::AssertionResult destination_right()
	{
		return SnapshotFixture::right(source_, destination_);
	}

	int read_of(Mapped &mapped)
	{
		std::vector<uint8_t> data(4096);
		return mapped.read(0, data);
	}

	SnapshotFixture fixture_;
	SnapshotFixture::Snap &source_ = fixture_.add("P 8");
	Mapped destination_{"destination"};
};

TEST_F(HandoverTest, the_constructor_makes_a_destination_and_reads_nothing)
{
	source_.cow.reset_log();
	ASSERT_EQ(load(), 0);
	EXPECT_EQ(source_.cow.log().size(), 0u);
	EXPECT_EQ(fixture_.write(source_, 0, 20), 0);
	EXPECT_TRUE(fixture_.right(source_));
}

TEST_F(HandoverTest, a_destination_shows_no_store_until_it_has_one)
{
	Target target{.sectors = 4096};
	std::string words[] = {"disk", "cow0", "P", "8"};
	char *argv[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data()};
	dmsnap_snapshot *snapshot = nullptr;
	dmsnap_target_traits traits;
	const char *error = "";
	ASSERT_EQ(dmsnap_core_snapshot_create(&target, DMSNAP_SNAPSHOT, 4, argv, &snapshot, &traits,
					      &error),
		  0);
	char line[100];
	dmsnap_core_snapshot_status(snapshot, DMSNAP_STATUS_INFO, "", "", line, sizeof(line));
	EXPECT_STREQ(line, "0/16384 0");
	dmsnap_core_snapshot_status(snapshot, DMSNAP_STATUS_TABLE, "", "", line, sizeof(line));
	EXPECT_STREQ(line, "252:0 252:1 P 0");
	dmsnap_core_snapshot_destroy(snapshot);
}

TEST_F(HandoverTest, the_destination_is_not_resumed_before_the_source_is_suspended)
{
	ASSERT_EQ(load(), 0);
	EXPECT_EQ(destination_.resume(), -22);
	EXPECT_TRUE(fixture_.world.log_holds(not_suspended));
	EXPECT_TRUE(fixture_.right(source_));
	/* The new table is live and suspended; it is resumed once the order is right. */
	source_.mapped.suspend();
	EXPECT_EQ(destination_.resume(), 0);
	EXPECT_TRUE(destination_right());
}

TEST_F(HandoverTest, the_source_is_not_resumed_before_the_destination)
{
	ASSERT_EQ(load(), 0);
	source_.mapped.suspend();
	EXPECT_EQ(source_.mapped.resume(), -22);
	EXPECT_TRUE(fixture_.world.log_holds(source_first));
	EXPECT_EQ(destination_.resume(), 0);
	EXPECT_TRUE(destination_right());
}

TEST_F(HandoverTest, gives_everything_to_the_destination)
{
	ASSERT_EQ(fixture_.write(source_, 0, 20), 0);
	ASSERT_EQ(fixture_.write(100, 200), 0);
	std::string status = source_.mapped.status();
	std::string table = source_.mapped.table();
	ASSERT_EQ(load(), 0);
	source_.mapped.suspend();
	source_.cow.reset_log();
	ASSERT_EQ(destination_.resume(), 0);
	EXPECT_EQ(source_.cow.log().size(), 0u);
	EXPECT_EQ(destination_.status(), status);
	EXPECT_EQ(destination_.table(), table);
	EXPECT_TRUE(destination_right());

	EXPECT_EQ(source_.mapped.status(), "Invalid");
	EXPECT_EQ(source_.mapped.resume(), 0);
	EXPECT_EQ(read_of(source_.mapped), -5);
	EXPECT_EQ(fixture_.write(source_, 0, 8), -5);
	EXPECT_EQ(source_.mapped.events(), 0u);
	source_.mapped.remove();

	EXPECT_EQ(fixture_.write(500, 300), 0);
	EXPECT_TRUE(destination_right());
	fixture_.origin.suspend();
	destination_.remove();
	ASSERT_EQ(source_.mapped.create(TargetType::snapshot, 4096, source_.words), 0);
	fixture_.origin.resume();
	EXPECT_TRUE(fixture_.right(source_));
}

TEST_F(HandoverTest, works_for_a_reload_of_one_device)
{
	ASSERT_EQ(fixture_.write(source_, 0, 20), 0);
	for (int n = 0; n < 3; n++) {
		ASSERT_EQ(source_.mapped.load(TargetType::snapshot, 4096, source_.words), 0);
		EXPECT_EQ(fixture_.write(static_cast<uint64_t>(n) * 100, 100), 0);
		ASSERT_EQ(source_.mapped.resume(), 0);
		EXPECT_TRUE(fixture_.right(source_));
	}
}

TEST_F(HandoverTest, works_for_a_transient_store)
{
	auto &snap = fixture_.add("N 16");
	ASSERT_EQ(fixture_.write(snap, 3, 20), 0);
	ASSERT_EQ(fixture_.write(50, 100), 0);
	std::string status = snap.mapped.status();
	ASSERT_EQ(snap.mapped.load(TargetType::snapshot, 4096, snap.words), 0);
	ASSERT_EQ(snap.mapped.resume(), 0);
	EXPECT_EQ(snap.mapped.status(), status);
	ASSERT_EQ(fixture_.write(200, 100), 0);
	EXPECT_TRUE(fixture_.right(snap));
}

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

TEST_F(HandoverTest, lazy_entries_are_not_lost)
{
	ASSERT_EQ(fixture_.write(source_, 0, 64), 0);
	ASSERT_EQ(load(), 0);
	source_.mapped.suspend();
	ASSERT_EQ(destination_.resume(), 0);
	EXPECT_TRUE(destination_right());
	source_.mapped.remove();
	destination_.remove();
	fixture_.crash();
	EXPECT_TRUE(fixture_.right(source_));
}

TEST_F(HandoverTest, the_source_going_first_cancels_it)
{
	ASSERT_EQ(fixture_.write(source_, 0, 20), 0);
	ASSERT_EQ(load(), 0);
	source_.mapped.remove();
	EXPECT_TRUE(fixture_.world.log_holds("Cancelling snapshot handover."));
	ASSERT_EQ(destination_.resume(), 0);
	EXPECT_EQ(destination_.status(), "Invalid");
	EXPECT_EQ(read_of(destination_), -5);
	destination_.remove();
	/* Nothing has happened to the store. */
	ASSERT_EQ(source_.mapped.create(TargetType::snapshot, 4096, source_.words), 0);
	EXPECT_TRUE(fixture_.right(source_));
}

TEST_F(HandoverTest, the_destination_going_first_changes_nothing)
{
	ASSERT_EQ(load(), 0);
	destination_.remove();
	source_.mapped.suspend();
	EXPECT_EQ(source_.mapped.resume(), 0);
	EXPECT_EQ(fixture_.write(source_, 0, 20), 0);
	EXPECT_EQ(fixture_.write(100, 200), 0);
	EXPECT_TRUE(fixture_.right(source_));
}

TEST_F(HandoverTest, a_third_snapshot_is_refused)
{
	ASSERT_EQ(load(), 0);
	Mapped third("third");
	EXPECT_EQ(third.load(TargetType::snapshot, 4096, source_.words), -22);
	EXPECT_EQ(third.error_text(), "Snapshot cow pairing for exception table handover failed");
	EXPECT_TRUE(fixture_.right(source_));
}

TEST_F(HandoverTest, a_second_snapshot_is_refused_while_the_first_is_not_active)
{
	fixture_.world.add_device({.name = "other", .sectors = 4096});
	Mapped first("first");
	Mapped second("second");
	ASSERT_EQ(first.load(TargetType::snapshot, 4096, "disk other P 8"), 0);
	EXPECT_EQ(second.load(TargetType::snapshot, 4096, "disk other P 8"), -22);
	EXPECT_EQ(second.error_text(), "Snapshot cow pairing for exception table handover failed");
	EXPECT_EQ(first.resume(), 0);
	EXPECT_EQ(second.load(TargetType::snapshot, 4096, "disk other P 8"), 0);
}

TEST_F(HandoverTest, an_invalid_snapshot_stays_so)
{
	auto &snap = fixture_.add("P 8", 32);
	ASSERT_EQ(fixture_.write(0, 4096), 0);
	ASSERT_EQ(snap.mapped.status(), "Invalid");
	ASSERT_EQ(snap.mapped.load(TargetType::snapshot, 4096, snap.words), 0);
	ASSERT_EQ(snap.mapped.resume(), 0);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
	EXPECT_EQ(read_of(snap.mapped), -5);
	EXPECT_EQ(fixture_.write(0, 4096), 0);
}

TEST_F(HandoverTest, a_snapshot_that_was_loaded_invalid_stays_so)
{
	auto &snap = fixture_.add("P 8", 32);
	ASSERT_EQ(fixture_.write(0, 4096), 0);
	snap.mapped.remove();
	ASSERT_EQ(snap.mapped.create(TargetType::snapshot, 4096, snap.words), 0);
	ASSERT_EQ(snap.mapped.load(TargetType::snapshot, 4096, snap.words), 0);
	ASSERT_EQ(snap.mapped.resume(), 0);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
	EXPECT_EQ(fixture_.write(0, 4096), 0);
}

TEST_F(HandoverTest, an_overflow_stays)
{
	auto &snap = fixture_.add("PO 8", 32);
	ASSERT_EQ(fixture_.write(snap, 0, 16), 0);
	EXPECT_EQ(fixture_.write(snap, 16, 8), -5);
	ASSERT_EQ(snap.mapped.load(TargetType::snapshot, 4096, snap.words), 0);
	ASSERT_EQ(snap.mapped.resume(), 0);
	EXPECT_EQ(snap.mapped.status(), "Overflow");
	EXPECT_TRUE(fixture_.right(snap));
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

TEST_F(HandoverTest, features_are_those_of_the_destination)
{
	ASSERT_EQ(source_.mapped.load(TargetType::snapshot, 4096,
				      "disk cow0 P 8 1 discard_zeroes_cow"),
		  0);
	EXPECT_EQ(source_.mapped.discard(0, 8), -95);
	ASSERT_EQ(source_.mapped.resume(), 0);
	EXPECT_EQ(source_.mapped.table(), "252:0 252:1 P 8 1 discard_zeroes_cow");
	EXPECT_EQ(source_.mapped.discard(0, 8), 0);
}

TEST_F(HandoverTest, may_make_the_snapshot_longer)
{
	auto &snap = fixture_.add("P 8", 16384, 1000);
	ASSERT_EQ(fixture_.write(snap, 10, 20), 0);
	ASSERT_EQ(snap.mapped.load(TargetType::snapshot, 2000, snap.words), 0);
	ASSERT_EQ(snap.mapped.resume(), 0);
	ASSERT_EQ(fixture_.write(900, 600), 0);
	EXPECT_TRUE((Pattern{1, 1}.matches(1000, snap.mapped.read(1000, 1000))));
	EXPECT_TRUE(fixture_.right(snap));
}

/* More than half an area, so that the store zeroes the next one ahead of time. */
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

/* What waited for the preresume may go on before the resume marks the source again. */
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

/* Its COW device does not answer, and a copy of both is under way. */
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

	/* Operations of a process end although the device hangs. */
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

/* Only the hung one waits, in its own handover. */
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
	/* It is about to lose its store, and no longer answers. */
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

/* The removal may come between the preresume and the resume: then the destination gets nothing. */
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

/* A snapshot is removed while its COW device does not answer, and the process is killed. */
class KilledRemovalTest : public HandoverTest {
protected:
	/* Returns when it waits. */
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

	/* The device's result when it answers again. */
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
	/* A write under way could get there behind those of the next owner. */
	EXPECT_EQ(load_again(), -22);
	ASSERT_EQ(fixture_.write(512, 8), 0);
	/* The device is not active then, so the snapshot does not matter. */
	source_.frozen.write(512, fixture_.disk.peek(512, 8));
	answer();
}

/* What it needs to leave dm's target behind cannot be had, so it waits as before. */
TEST_F(KilledRemovalTest, waits_where_memory_is_short)
{
	for (uint64_t missing : {0, 1, 2}) {
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

/* A copy for both reads the origin through the snapshot that is removed. */
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
	EXPECT_FALSE(write->done);
	source_.cow.release();
	EXPECT_EQ(fixture_.origin.wait(write), 0);
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

/* The process that resumes the new table is killed while the store's I/O does not end. */
class KilledResumeTest : public KilledRemovalTest {
protected:
	void resume_and_kill(Mapped &mapped)
	{
		int error = 0;
		bool ended = false;
		fixture_.world.spawn("resume", [&] {
			error = mapped.resume();
			ended = true;
		});
		fixture_.world.run_for(3'000'000'000);
		EXPECT_FALSE(ended);
		fixture_.world.kill("resume");
		fixture_.world.settle();
		ASSERT_TRUE(ended);
		EXPECT_EQ(error, -EINTR);
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
	/* The source makes the copies that were needed meanwhile. */
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

/* The answer to a wait that was killed says nothing of what has begun since. */
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

/* Its suspend requests a commit after the one under way, and nothing waits for that any more. */
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

/* A third table over the COW device, when the first one has given its store away. */
TEST_F(HandoverTest, a_third_owner_reads_the_store_itself)
{
	ASSERT_EQ(fixture_.write(source_, 0, 20), 0);
	ASSERT_EQ(load(), 0);
	source_.mapped.suspend();
	ASSERT_EQ(destination_.resume(), 0);
	EXPECT_TRUE(destination_right());
	destination_.remove();

	Mapped third("third");
	ASSERT_EQ(third.create(TargetType::snapshot, 4096, source_.words), 0);
	EXPECT_NE(third.status(), "Invalid");
	EXPECT_TRUE(SnapshotFixture::right(source_, third));
}

} // namespace
} // namespace dmsnap::test
