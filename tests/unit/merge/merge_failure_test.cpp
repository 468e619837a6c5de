// SPDX-License-Identifier: GPL-2.0-only
/* Merges that fail: nothing is lost, and the merge can be continued. */
#include <cerrno>

#include <gtest/gtest.h>

#include "support/killed_process.hpp"
#include "unit/merge/merge_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Device;
using user::Mapped;
using user::Op;
using user::TargetType;

/* What fails on which device, and the line that is logged. */
struct Failing {
	const char *name;
	bool on_cow;
	Op op;
	uint64_t nth;
	const char *text;
};

class MergeFailure : public MergeTest, public testing::WithParamInterface<Failing> {};

TEST_P(MergeFailure, ends_the_merge_and_loses_nothing)
{
	const Failing &failing = GetParam();
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	write_random(snap, 1000);
	ASSERT_EQ(fixture_.write(8000, 4000), 0);
	snap.mapped.remove();
	fixture_.origin.remove();
	Device &device = failing.on_cow ? snap.cow : fixture_.disk;
	ASSERT_EQ(merging_.load(TargetType::merge, disk_sectors, snap.words), 0);
	device.reset_log();
	device.fail_nth(failing.op, failing.nth);
	ASSERT_EQ(merging_.resume(), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "Merge failed");
	EXPECT_EQ(merging_.events(), 1u);
	EXPECT_TRUE(fixture_.world.log_holds(failing.text)) << failing.text;

	/* The whole device can be read and written. */
	EXPECT_TRUE(shows(snap));
	for (uint64_t at = 0; at < disk_sectors; at += 1000) {
		std::vector<uint8_t> data = fixture_.fresh(at, 300);
		EXPECT_EQ(merging_.write(at, data), 0);
		snap.frozen.write(at, data);
	}
	EXPECT_TRUE(shows(snap));
	EXPECT_EQ(merging_.status(), "Merge failed");

	/* A resume continues the merge. */
	merging_.suspend();
	ASSERT_EQ(merging_.resume(), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "16/65536 16");
	EXPECT_EQ(merging_.events(), 2u);
	EXPECT_TRUE(merged(snap));
}

INSTANTIATE_TEST_SUITE_P(
	All, MergeFailure,
	testing::Values(Failing{"reading_the_list", true, Op::read, 1,
				"Read error in exception store: shutting down merge"},
			Failing{"reading_a_chunk", true, Op::read, 5,
				"Read error: shutting down merge."},
			Failing{"reading_in_a_later_batch", true, Op::read, 12,
				"Read error: shutting down merge."},
			Failing{"writing_to_the_origin", false, Op::write, 100,
				"Write error: shutting down merge."},
			Failing{"flushing_the_origin", false, Op::flush, 1,
				"Flush after merge failed: shutting down merge"},
			Failing{"flushing_later", false, Op::flush, 2,
				"Flush after merge failed: shutting down merge"},
			Failing{"cutting_the_list", true, Op::write, 1,
				"Write error in exception store: shutting down merge"},
			Failing{"cutting_later", true, Op::write, 2,
				"Write error in exception store: shutting down merge"}),
	[](const auto &failing) { return std::string(failing.param.name); });

TEST_F(MergeTest, a_write_of_an_uncertain_chunk_fails_while_the_list_cannot_be_written)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(fixture_.write(0, 800), 0);
	ASSERT_EQ(begin(snap), 0);
	snap.cow.fail_range(Op::write, 0, 16);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "Merge failed");
	EXPECT_EQ(merging_.write(0, fixture_.fresh(0, 8)), -5);
	EXPECT_EQ(merging_.write(8000, fixture_.fresh(8000, 8)), 0);
	snap.frozen.write(8000, Pattern{2, fixture_.generation}.make(8000, 8));
	EXPECT_TRUE(shows(snap));
	/* The device works again.  The exceptions are put back before the write completes. */
	snap.cow.clear_faults();
	std::vector<uint8_t> data = fixture_.fresh(0, 8);
	EXPECT_EQ(merging_.write(0, data), 0);
	EXPECT_EQ(merging_.flush(), 0);
	snap.frozen.write(0, data);
	fixture_.world.crash({});
	merging_.remove();
	fixture_.world.power_on();
	ASSERT_EQ(merging_.create(TargetType::merge, disk_sectors, snap.words), 0);
	EXPECT_TRUE(shows(snap));
	fixture_.world.run_until_idle();
	EXPECT_TRUE(merged(snap));
}

TEST_F(MergeTest, a_list_that_does_not_agree_with_the_table_is_not_merged)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(fixture_.write(0, 800), 0);
	snap.mapped.remove();
	fixture_.origin.remove();
	ASSERT_EQ(merging_.load(TargetType::merge, disk_sectors, snap.words), 0);
	std::vector<uint8_t> block = snap.cow.peek(8, 1);
	block[0] ^= 0x55;
	snap.cow.poke(8, block);
	ASSERT_EQ(merging_.resume(), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "Merge failed");
	EXPECT_TRUE(fixture_.world.log_holds(
		"Corruption detected: exception for block 85 is on disk but not in memory"));
	EXPECT_TRUE(shows(snap));
}

/* The write that cuts the list reported an error, although it took effect. */
class UncertainList : public MergeTest {
protected:
	void SetUp() override
	{
		ASSERT_EQ(fixture_.write(0, 800), 0);
		ASSERT_EQ(begin(snap_), 0);
		snap_.cow.fail_nth(Op::write, 1);
		fixture_.world.run_until_idle();
		ASSERT_EQ(merging_.status(), "Merge failed");
		snap_.cow.poke(8, std::vector<uint8_t>(8 * 512));
	}
	void load_snapshot()
	{
		ASSERT_EQ(snap_.mapped.load(TargetType::snapshot, disk_sectors, snap_.words), 0);
		merging_.suspend();
	}

	/* The snapshot takes the store over from the merge, which becomes an origin again. */
	void take_over()
	{
		ASSERT_EQ(snap_.mapped.resume(), 0);
		make_origin();
	}
	void make_origin()
	{
		merging_.remove();
		ASSERT_EQ(fixture_.origin.create(TargetType::origin, disk_sectors, "disk"), 0);
	}

	SnapshotFixture::Snap &snap_ = fixture_.add("P 8", cow_sectors);
};

TEST_F(UncertainList, is_put_back_before_a_snapshot_relies_on_it)
{
	load_snapshot();
	take_over();
	EXPECT_TRUE(fixture_.right(snap_));
	ASSERT_EQ(fixture_.write(0, 800), 0);
	ASSERT_EQ(fixture_.origin.flush(), 0);
	EXPECT_TRUE(fixture_.right(snap_));
	fixture_.crash();
	EXPECT_TRUE(fixture_.right(snap_));
}

TEST_F(UncertainList, that_cannot_be_put_back_costs_the_snapshot_its_validity)
{
	snap_.cow.fail_range(Op::write, 8, 8);
	load_snapshot();
	take_over();
	fixture_.world.run_until_idle();
	EXPECT_EQ(snap_.mapped.status(), "Invalid");
	ASSERT_EQ(fixture_.write(0, 800), 0);
	fixture_.crash();
	EXPECT_EQ(snap_.mapped.status(), "Invalid");
}

TEST_F(UncertainList, lets_no_write_pass_before_the_mark_is_durable)
{
	snap_.cow.fail_range(Op::write, 8, 8);
	load_snapshot();
	ASSERT_EQ(snap_.mapped.resume(), 0);
	snap_.cow.hang();
	make_origin();
	auto write = fixture_.start_write(0, 800);
	fixture_.world.run_until_idle();
	EXPECT_FALSE(write->done);
	snap_.cow.wake_up();
	fixture_.world.run_until_idle();
	EXPECT_TRUE(write->done);
	EXPECT_EQ(snap_.mapped.status(), "Invalid");
}

/* The COW device does not answer while the list is written back. */
TEST_F(UncertainList, is_put_back_by_the_next_resume_if_one_is_killed)
{
	load_snapshot();
	for (unsigned int n = 0; n < 2; n++) {
		snap_.cow.hold_all();
		EXPECT_EQ(result_of_killed(fixture_.world, "resume",
					   [&] { return snap_.mapped.resume(); }),
			  -EINTR);
	}
	snap_.cow.release();
	take_over();
	EXPECT_TRUE(fixture_.right(snap_));
	ASSERT_EQ(fixture_.write(0, 800), 0);
	fixture_.crash();
	EXPECT_TRUE(fixture_.right(snap_));
}

TEST_F(UncertainList, that_cost_a_snapshot_its_validity_is_not_asked_for_by_a_third_owner)
{
	snap_.cow.fail_range(Op::write, 8, 8);
	ASSERT_EQ(snap_.mapped.load(TargetType::snapshot, disk_sectors, snap_.words), 0);
	merging_.suspend();
	ASSERT_EQ(snap_.mapped.resume(), 0);
	fixture_.world.run_until_idle();
	ASSERT_EQ(snap_.mapped.status(), "Invalid");
	snap_.mapped.remove();
	/* The merge is still there, without a store: it is the origin alone. */
	Mapped third("third");
	ASSERT_EQ(third.create(TargetType::snapshot, disk_sectors, snap_.words), 0)
		<< third.error_text();
	EXPECT_EQ(third.status(), "Invalid");
	EXPECT_EQ(merging_.status(), "Invalid");
	EXPECT_EQ(merging_.resume(), 0);
	std::vector<uint8_t> data = fixture_.fresh(0, 8);
	EXPECT_EQ(merging_.write(0, data), 0);
	EXPECT_EQ(fixture_.disk.peek(0, 8), data);
	EXPECT_EQ(third.status(), "Invalid");
}

} // namespace
} // namespace dmsnap::test
