// SPDX-License-Identifier: GPL-2.0-only
/* What PersistentStore writes for a batch, when the batch ends, and when it fails. */
#include "unit/store/store_rig.hpp"

namespace dmsnap::test {
namespace {

using user::IoRecord;
using user::Op;

TEST(PersistentStore, a_commit_is_one_durable_write_of_the_blocks_it_changes)
{
	StoreRig rig({.sectors = 128 * 6000});
	rig.open(128);
	struct Step {
		uint64_t exceptions;
		uint64_t first_block;
		uint64_t blocks;
	};
	/* A block has 256 entries. */
	const Step steps[] = {{1, 0, 1},   {1, 0, 1},	{254, 0, 1}, {1, 1, 1},
			      {300, 1, 2}, {211, 2, 1}, {512, 3, 2}, {600, 5, 3}};
	for (const Step &step : steps) {
		rig.device.reset_log();
		ASSERT_TRUE(rig.add(step.exceptions));
		ASSERT_EQ(rig.device.log().size(), 1u);
		EXPECT_TRUE(is_commit(rig.device.log()[0], 128 + step.first_block * 8,
				      step.blocks * 8));
		EXPECT_EQ(rig.device.counters().flushes, 1u);
	}
}

TEST(PersistentStore, a_batch_longer_than_its_buffer_is_several_durable_writes)
{
	StoreRig rig({.sectors = 128 * 6000});
	rig.open(128);
	ASSERT_TRUE(rig.add(10));
	rig.device.reset_log();
	Layout layout{128};
	ASSERT_TRUE(rig.add(3500));
	uint64_t reached = layout.area_sector(0);
	for (const IoRecord &io : rig.device.log()) {
		if (io.op == Op::zero)
			continue;
		EXPECT_TRUE(is_commit(io, io.sector, io.sectors));
		EXPECT_EQ(io.sector, reached);
		EXPECT_LE(io.sectors, 64u);
		reached = io.sector + io.sectors;
	}
	EXPECT_EQ(reached, layout.sector_of(3509) / 8 * 8 + 8);
	EXPECT_EQ(list_on(rig.device.durable(), layout).size(), 3510u);
}

TEST(PersistentStore, an_empty_batch_ends_at_once_and_writes_nothing)
{
	StoreRig rig({.sectors = 1024});
	rig.open(8);
	rig.device.reset_log();
	EXPECT_TRUE(rig.commit({}));
	EXPECT_TRUE(rig.device.log().empty());
}

TEST(PersistentStore, a_batch_ends_only_when_its_write_has_ended)
{
	StoreRig rig({.sectors = 1024});
	rig.open(8);
	rig.device.hold(Op::write);
	Commit batch(rig.prepare(*rig.store, 3, 0));
	rig.start(*rig.store, batch);
	rig.world.settle();
	EXPECT_EQ(batch.calls, 0);
	rig.device.release();
	rig.world.settle();
	EXPECT_TRUE(batch.succeeded());
}

TEST(PersistentStore, the_next_area_is_zeroed_when_the_current_one_is_half_full)
{
	Layout layout{8};
	StoreRig rig({.sectors = 8 * 600});
	rig.open(8);
	rig.device.poke(layout.area_sector(1), garbage(8));
	rig.device.reset_log();
	ASSERT_TRUE(rig.add(127));
	rig.world.settle();
	EXPECT_EQ(rig.device.counters().zeroes, 0u);
	ASSERT_TRUE(rig.add(1));
	rig.world.settle();
	ASSERT_EQ(rig.device.counters().zeroes, 1u);
	const IoRecord &zero = rig.device.log().back();
	EXPECT_EQ(zero.sector, layout.area_sector(1));
	EXPECT_EQ(zero.sectors, 8u);
	ASSERT_TRUE(rig.add(100));
	ASSERT_TRUE(rig.add(28));
	EXPECT_EQ(rig.device.counters().zeroes, 1u);
	/* Four writes of entries; none of them waited for zeros. */
	EXPECT_EQ(rig.device.counters().writes, 4u);
	EXPECT_TRUE(all_zero(rig.device.durable().read(layout.area_sector(1), 8)));
}

TEST(PersistentStore, the_last_slot_of_an_area_waits_for_the_zeros_of_the_next)
{
	Layout layout{8};
	StoreRig rig({.sectors = 8 * 600});
	rig.open(8);
	rig.device.poke(layout.area_sector(1), garbage(8));
	rig.device.hold(Op::zero);
	ASSERT_TRUE(rig.add(200));
	Commit batch(rig.prepare(*rig.store, 70, 200));
	rig.start(*rig.store, batch);
	rig.world.settle();
	EXPECT_EQ(batch.calls, 0);
	EXPECT_LE(list_on(rig.device.crash_image({user::CrashPolicy::Keep::everything}), layout)
			  .size(),
		  255u);
	rig.device.release();
	rig.world.settle();
	EXPECT_TRUE(batch.succeeded());
	EXPECT_EQ(list_on(rig.device.durable(), layout).size(), 270u);
}

TEST(PersistentStore, a_commit_that_ends_one_short_of_an_area_waits_for_nothing)
{
	StoreRig rig({.sectors = 8 * 600});
	rig.open(8);
	rig.device.hold(Op::zero);
	EXPECT_TRUE(rig.add(255));
	rig.device.release();
	rig.world.settle();
}

TEST(PersistentStore, zeros_that_failed_ahead_of_time_are_tried_again_when_they_are_needed)
{
	StoreRig rig({.sectors = 8 * 600});
	rig.open(8);
	rig.device.fail_nth(Op::zero, 1);
	ASSERT_TRUE(rig.add(255));
	rig.world.settle();
	EXPECT_TRUE(rig.add(1));
	EXPECT_EQ(rig.device.counters().zeroes, 3u);
	rig.reopen();
	EXPECT_EQ(rig.loaded.entries.size(), 256u);
}

TEST(PersistentStore, zeros_that_fail_when_they_are_needed_fail_the_commit)
{
	Layout layout{8};
	StoreRig rig({.sectors = 8 * 600});
	rig.open(8);
	rig.device.poke(layout.area_sector(1), garbage(8));
	rig.device.fail_range(Op::zero, layout.area_sector(1), 8);
	ASSERT_TRUE(rig.add(250));
	rig.world.settle();
	Commit batch(rig.prepare(*rig.store, 10, 250));
	rig.start(*rig.store, batch);
	rig.world.settle();
	EXPECT_TRUE(batch.failed_with(Error::write_failed));
	rig.device.clear_faults();
	rig.close();
	rig.reopen();
	EXPECT_LE(rig.loaded.entries.size(), 255u);
	EXPECT_GE(rig.loaded.entries.size(), 250u);
}

TEST(PersistentStore, a_write_that_fails_fails_its_batch)
{
	StoreRig rig({.sectors = 8 * 600});
	rig.open(8);
	ASSERT_TRUE(rig.add(5));
	rig.device.fail_nth(Op::write, 1);
	Commit batch(rig.prepare(*rig.store, 3, 50));
	rig.start(*rig.store, batch);
	rig.world.settle();
	EXPECT_TRUE(batch.failed_with(Error::write_failed));
}

TEST(PersistentStore, a_flush_that_fails_fails_the_batch)
{
	StoreRig rig({.sectors = 8 * 600});
	rig.open(8);
	rig.device.fail_nth(Op::flush, 1);
	Commit batch(rig.prepare(*rig.store, 3, 50));
	rig.start(*rig.store, batch);
	rig.world.settle();
	EXPECT_TRUE(batch.failed_with(Error::write_failed));
	rig.close();
	rig.reopen();
	EXPECT_TRUE(rig.loaded.entries.empty());
}

TEST(PersistentStore, any_write_of_a_long_batch_that_fails_fails_it_and_leaves_a_part_of_it)
{
	for (uint64_t n = 1; n <= 3; n++) {
		StoreRig rig({.sectors = 128 * 9000});
		rig.open(128);
		ASSERT_TRUE(rig.add(7));
		rig.device.fail_nth(Op::write, n);
		auto runs = rig.prepare(*rig.store, 5000, 1000);
		Commit batch(runs);
		rig.start(*rig.store, batch);
		rig.world.settle();
		EXPECT_TRUE(batch.failed_with(Error::write_failed)) << n;
		rig.close();
		rig.reopen();
		Entries expected = entries_of(runs);
		ASSERT_GE(rig.loaded.entries.size(), 7u);
		rig.loaded.entries.erase(rig.loaded.entries.begin(),
					 rig.loaded.entries.begin() + 7);
		EXPECT_EQ(rig.loaded.entries.empty(), n == 1);
		ASSERT_LT(rig.loaded.entries.size(), expected.size());
		expected.resize(rig.loaded.entries.size());
		EXPECT_EQ(rig.loaded.entries, expected);
	}
}

TEST(PersistentStore, a_device_that_shrank_since_prepare_fails_the_commit)
{
	StoreRig rig({.sectors = 8 * 600});
	rig.open(8);
	auto runs = rig.prepare(*rig.store, 256, 0);
	rig.device.resize(8 * 258);
	Commit batch(runs);
	rig.start(*rig.store, batch);
	rig.world.settle();
	EXPECT_TRUE(batch.failed_with(Error::cow_device_full));
	/* Smaller still: an area that the commit needs is gone. */
	rig.device.resize(8);
	EXPECT_FALSE(rig.store->prepare(1));
}

} // namespace
} // namespace dmsnap::test
