// SPDX-License-Identifier: GPL-2.0-only
/*
 * PersistentStore without crashes, and with full and failing
 * devices: what it writes, when, and what it loads again.  Crashes are
 * in persistent_crash_test.cpp, hostile stores in hostile_store_test.cpp.
 */
#include <algorithm>
#include <array>
#include <set>

#include "store/persistent_store.hpp"
#include "support/seed.hpp"
#include "unit/store/store_rig.hpp"
#include "user/memory.hpp"
#include "user/random.hpp"

namespace dmsnap::test {
namespace {

using user::IoRecord;
using user::Op;
using user::Random;

constexpr unsigned int durable = DMSNAP_IO_PREFLUSH | DMSNAP_IO_FUA;

std::vector<IoRecord> writes_of(const user::Device &device)
{
	std::vector<IoRecord> writes;
	for (const IoRecord &io : device.log())
		if (io.op != Op::read)
			writes.push_back(io);
	return writes;
}

testing::AssertionResult is_commit(const IoRecord &io, uint64_t sector, uint64_t sectors)
{
	if (io.op != Op::write || (io.flags & durable) != durable)
		return testing::AssertionFailure() << to_text(io.op) << " with flags " << io.flags;
	if (io.sector != sector || io.sectors != sectors)
		return testing::AssertionFailure() << io.sectors << " sectors at " << io.sector
						   << " instead of " << sectors << " at " << sector;
	return testing::AssertionSuccess();
}

class ChunkSizes : public testing::TestWithParam<uint32_t> {};

INSTANTIATE_TEST_SUITE_P(PersistentStore, ChunkSizes, testing::Values(1, 2, 8, 16, 128, 2048));

TEST_P(ChunkSizes, a_new_store_is_a_header_and_one_area_of_zeros)
{
	uint32_t chunk = GetParam();
	StoreRig rig({.sectors = 8 * chunk});
	rig.device.poke(0, garbage(8 * chunk));
	std::vector<uint8_t> blank = garbage(1);
	std::fill_n(blank.begin(), 4, uint8_t{0});
	rig.device.poke(0, blank);
	rig.open(chunk);
	EXPECT_EQ(rig.loaded.chunk_sectors, chunk);
	EXPECT_TRUE(rig.loaded.entries.empty());
	EXPECT_TRUE(rig.complaints().empty());

	/* The durable contents, not only the visible ones. */
	std::vector<uint8_t> found = rig.device.durable().read(0, 2 * chunk);
	EXPECT_EQ(std::vector(found.begin(), found.begin() + 512), good_header(chunk));
	EXPECT_TRUE(all_zero(std::span(found).subspan(16)));
	std::vector<uint8_t> rest = garbage(8 * chunk);
	rest.erase(rest.begin(), rest.begin() + 2 * chunk * 512);
	EXPECT_EQ(rig.device.peek(2 * chunk, 6 * chunk), rest);
}

TEST_P(ChunkSizes, the_header_is_written_after_the_zeros_it_stands_for)
{
	uint32_t chunk = GetParam();
	StoreRig rig({.sectors = 8 * chunk});
	rig.device.hold(Op::zero);
	bool opened = false;
	rig.world.spawn("open", [&] {
		rig.open(chunk);
		opened = true;
	});
	rig.world.settle();
	ASSERT_EQ(rig.device.held(), 1u);
	EXPECT_EQ(rig.device.counters().writes, 0u);
	EXPECT_FALSE(opened);
	rig.device.release();
	rig.world.settle();
	EXPECT_TRUE(opened);

	auto writes = writes_of(rig.device);
	ASSERT_EQ(writes.size(), 2u);
	uint64_t block = std::min(chunk, 8u);
	EXPECT_EQ(writes[0].op, Op::zero);
	EXPECT_EQ(writes[0].sector, block);
	EXPECT_EQ(writes[0].sectors, 2 * chunk - block);
	EXPECT_TRUE(is_commit(writes[1], 0, block));
}

TEST_P(ChunkSizes, what_was_committed_is_loaded_in_order)
{
	uint32_t chunk = GetParam();
	Layout layout{chunk};
	uint64_t count = std::min<uint64_t>(3 * layout.slots() + 5, 9000);
	StoreRig rig({.sectors = (count + 10) * chunk});
	rig.open(chunk);
	Entries expected;
	for (uint64_t left = count, step = 1; left; step = step * 2 + 1) {
		uint64_t n = std::min(step, left);
		auto runs = rig.prepare(*rig.store, n, 100000 - left);
		ASSERT_TRUE(rig.commit(runs));
		for (Entry entry : entries_of(runs))
			expected.push_back(entry);
		left -= n;
	}
	ASSERT_EQ(expected.size(), count);
	rig.close();
	/* Nothing flushes it now: it must be durable as it is. */
	EXPECT_EQ(list_on(rig.device.durable(), layout), expected);
	rig.device.crash({});
	rig.device.power_on();
	rig.reopen();
	EXPECT_EQ(rig.loaded.chunk_sectors, chunk);
	EXPECT_EQ(rig.loaded.entries, expected);
}

TEST_P(ChunkSizes, every_chunk_that_has_room_for_its_entry_is_handed_out)
{
	uint32_t chunk = GetParam();
	Layout layout{chunk};
	uint64_t e = std::min<uint64_t>(layout.slots(), 256);
	for (uint64_t chunks : {uint64_t{2}, uint64_t{3}, e - 1, e, e + 1, e + 2, e + 3, e + 4}) {
		StoreRig rig({.sectors = chunks * chunk});
		rig.open(chunk);
		uint64_t handed_out = 0;
		while (auto taken = rig.store->prepare(7))
			handed_out += taken->count;
		EXPECT_EQ(handed_out, layout.capacity(chunks)) << chunks << " chunks";
	}
}

TEST(PersistentStore, the_default_chunk_is_16_kib_or_a_block_of_the_cow_device)
{
	StoreRig rig({.sectors = 1024});
	rig.open(0);
	EXPECT_EQ(rig.loaded.chunk_sectors, 32u);
}

TEST(PersistentStore, a_device_of_4_kib_blocks_is_used_in_blocks)
{
	/* The port reports I/O that is not of whole blocks. */
	StoreRig rig({.sectors = 16 * 400, .block_sectors = 8});
	rig.open(16);
	for (int i = 0; i < 300; i++)
		ASSERT_TRUE(rig.add(1));
	rig.reopen();
	EXPECT_EQ(rig.loaded.entries.size(), 300u);
	Mark mark;
	rig.on_worker([&] { rig.store->mark_invalid(mark); });
	rig.world.settle();
	EXPECT_EQ(mark.calls, 1);
	EXPECT_TRUE(mark.status);
}

TEST(PersistentStore, the_chunk_size_of_the_header_overrides_the_one_asked_for_with_a_warning)
{
	StoreRig rig({.sectors = 1024});
	rig.open(16);
	rig.open(32);
	EXPECT_EQ(rig.loaded.chunk_sectors, 16u);
	EXPECT_EQ(rig.complaints(),
		  std::vector<std::string>{"warning: chunk size 16 in device metadata overrides "
					   "table chunk size of 32."});
	rig.open(16);
	rig.open(0);
	EXPECT_EQ(rig.loaded.chunk_sectors, 16u);
	EXPECT_EQ(rig.complaints().size(), 1u);
}

TEST(PersistentStore, a_commit_is_one_durable_write_of_the_blocks_it_changes)
{
	StoreRig rig({.sectors = 128 * 6000});
	rig.open(128);
	struct Step {
		uint64_t exceptions;
		uint64_t first_block;
		uint64_t blocks;
	};
	/* 256 entries a block. */
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
	/* Four writes of entries, none of which waited for zeros. */
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

TEST(PersistentStore, running_out_exactly_at_the_end_of_an_area_is_a_full_device)
{
	/* Header, area 0 and 256 data chunks; area 1 would be after the end. */
	StoreRig rig({.sectors = 258 * 8});
	rig.open(8);
	ASSERT_TRUE(rig.add(254));
	auto last = rig.store->prepare(2);
	ASSERT_TRUE(last);
	EXPECT_EQ(last->count, 1u);
	ASSERT_TRUE(rig.commit({{{999}, last->begin, last->count}}));
	auto full = rig.store->prepare(1);
	ASSERT_FALSE(full);
	EXPECT_EQ(full.error(), Error::cow_device_full);
	rig.reopen();
	EXPECT_EQ(rig.loaded.entries.size(), 255u);
	EXPECT_FALSE(rig.store->prepare(1));
	EXPECT_EQ(rig.device.log().back().op, Op::read);
}

TEST(PersistentStore, growth_of_the_device_is_picked_up_without_a_reload)
{
	StoreRig rig({.sectors = 258 * 8});
	rig.open(8);
	ASSERT_TRUE(rig.add(255));
	ASSERT_FALSE(rig.store->prepare(1));
	/* Room for area 1 makes data chunk 257 usable, and one more chunk is data. */
	rig.device.resize(259 * 8);
	EXPECT_EQ(rig.store->usage().total_sectors, 259u * 8);
	auto one = rig.store->prepare(5);
	ASSERT_TRUE(one);
	EXPECT_EQ(one->begin.value, 257u);
	EXPECT_EQ(one->count, 1u);
	ASSERT_TRUE(rig.commit({{{300}, one->begin, 1}}));
	EXPECT_FALSE(rig.store->prepare(1));
	rig.device.resize(300 * 8);
	auto two = rig.store->prepare(100);
	ASSERT_TRUE(two);
	EXPECT_EQ(two->begin.value, 259u);
	EXPECT_EQ(two->count, 41u);
	ASSERT_TRUE(rig.commit({{{400}, two->begin, two->count}}));
	rig.reopen();
	EXPECT_EQ(rig.loaded.entries.size(), 255u + 1 + 41);
}

TEST(PersistentStore, a_chunk_that_the_device_holds_only_in_part_is_not_handed_out)
{
	StoreRig rig({.sectors = 10 * 8 + 7});
	rig.open(8);
	uint64_t count = 0;
	while (auto taken = rig.store->prepare(100))
		count += taken->count;
	EXPECT_EQ(count, 8u);
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
	/* Smaller still: it even lacks an area that it needs. */
	rig.device.resize(8);
	EXPECT_FALSE(rig.store->prepare(1));
}

TEST(PersistentStore, usage_counts_header_areas_and_what_was_handed_out)
{
	StoreRig rig({.sectors = 8 * 600 + 3});
	rig.open(8);
	auto usage = [&] {
		StoreUsage now = rig.store->usage();
		return std::array{now.allocated_sectors, now.total_sectors, now.metadata_sectors};
	};
	using Usage = std::array<uint64_t, 3>;
	EXPECT_EQ(usage(), (Usage{16, 4803, 16}));
	auto runs = rig.prepare(*rig.store, 1, 0);
	EXPECT_EQ(usage(), (Usage{24, 4803, 16}));
	ASSERT_TRUE(rig.commit(runs));
	EXPECT_EQ(usage(), (Usage{24, 4803, 16}));
	ASSERT_TRUE(rig.add(254));
	EXPECT_EQ(usage(), (Usage{257 * 8, 4803, 16}));
	/* Area 0 is full: the list continues in area 1, and no data chunk is area 1. */
	ASSERT_TRUE(rig.add(1));
	EXPECT_EQ(usage(), (Usage{259 * 8, 4803, 24}));
	rig.reopen();
	EXPECT_EQ(usage(), (Usage{259 * 8, 4803, 24}));
}

/* The example of the kernel's documentation; nothing is recorded yet. */
TEST(PersistentStore, usage_counts_the_areas_that_chunks_handed_out_will_need)
{
	StoreRig rig({.sectors = 2097152});
	rig.open(8);
	for (int write = 0; write < 49542; write++)
		ASSERT_TRUE(rig.store->prepare(1));
	StoreUsage usage = rig.store->usage();
	EXPECT_EQ(usage.allocated_sectors, 397896u);
	EXPECT_EQ(usage.metadata_sectors, 1560u);
}

TEST(PersistentStore, the_invalid_mark_is_durable_when_it_is_told_of)
{
	Layout layout{8};
	StoreRig rig({.sectors = 8 * 600});
	rig.open(8);
	ASSERT_TRUE(rig.add(3));
	rig.device.reset_log();
	Mark mark;
	rig.on_worker([&] { rig.store->mark_invalid(mark); });
	ASSERT_TRUE(rig.world.run_until([&] { return mark.calls > 0; }));
	EXPECT_TRUE(mark.status);
	ASSERT_EQ(rig.device.log().size(), 1u);
	EXPECT_TRUE(is_commit(rig.device.log()[0], 0, 8));
	std::vector<uint8_t> header = rig.device.durable().read(0, 8);
	EXPECT_EQ(std::vector(header.begin(), header.begin() + 512),
		  header_sector(0x70416e53, 0, 1, 8));
	EXPECT_TRUE(all_zero(std::span(header).subspan(16)));
	EXPECT_EQ(list_on(rig.device.durable(), layout).size(), 3u);

	rig.close();
	auto content = rig.try_open(0);
	ASSERT_TRUE(content);
	EXPECT_FALSE(content->valid);
	EXPECT_FALSE(content->store);
	EXPECT_EQ(content->chunk_size.sectors(), 8u);
	EXPECT_EQ(mark.calls, 1);
}

TEST(PersistentStore, the_invalid_mark_does_not_wait_for_a_commit_in_flight)
{
	StoreRig rig({.sectors = 8 * 600});
	rig.open(8);
	rig.device.hold(Op::write);
	Commit batch(rig.prepare(*rig.store, 3, 0));
	rig.start(*rig.store, batch);
	Mark mark;
	rig.on_worker([&] { rig.store->mark_invalid(mark); });
	rig.world.settle();
	EXPECT_EQ(rig.device.held(), 2u);
	rig.device.release();
	rig.world.settle();
	EXPECT_TRUE(batch.succeeded());
	EXPECT_EQ(mark.calls, 1);
	EXPECT_TRUE(mark.status);
}

TEST(PersistentStore, an_invalid_mark_that_cannot_be_written_says_so)
{
	StoreRig rig({.sectors = 8 * 600});
	rig.open(8);
	rig.device.fail_range(Op::write, 0, 8);
	Mark mark;
	rig.on_worker([&] { rig.store->mark_invalid(mark); });
	rig.world.settle();
	EXPECT_EQ(mark.calls, 1);
	ASSERT_FALSE(mark.status);
	EXPECT_EQ(mark.status.error(), Error::write_failed);
}

TEST(PersistentStore, quiesce_waits_for_zeros_that_were_begun_ahead_of_time)
{
	StoreRig rig({.sectors = 8 * 600});
	rig.open(8);
	rig.device.hold(Op::zero);
	ASSERT_TRUE(rig.add(128));
	bool quiet = false;
	rig.world.spawn("quiesce", [&] {
		rig.store->quiesce();
		quiet = true;
		rig.store.reset();
	});
	rig.world.settle();
	EXPECT_EQ(rig.device.held(), 1u);
	EXPECT_FALSE(quiet);
	rig.device.release();
	rig.world.settle();
	EXPECT_TRUE(quiet);
}

TEST(PersistentStore, quiesce_may_be_called_again_and_the_store_works_afterwards)
{
	StoreRig rig({.sectors = 8 * 600});
	rig.open(8);
	rig.store->quiesce();
	ASSERT_TRUE(rig.add(128));
	rig.store->quiesce();
	rig.store->quiesce();
	ASSERT_TRUE(rig.add(200));
	rig.reopen();
	EXPECT_EQ(rig.loaded.entries.size(), 328u);
}

TEST(PersistentStore, a_store_that_was_taken_over_works_through_the_new_device)
{
	StoreRig rig({.sectors = 8 * 600});
	rig.open(8);
	ASSERT_TRUE(rig.add(3));
	user::Target target;
	dmsnap_device *again = nullptr;
	ASSERT_EQ(dmsnap_port_device_open(&target, "252:0", DMSNAP_DEVICE_TABLE, &again), 0);
	rig.store->set_device(again, *rig.worker);
	dmsnap_port_device_close(&rig.target, rig.cow);
	rig.cow = again;
	ASSERT_TRUE(rig.add(300));
	EXPECT_EQ(rig.store->usage().total_sectors, 8u * 600);
	rig.reopen();
	EXPECT_EQ(rig.loaded.entries.size(), 303u);
}

/* Over two areas, with chunks free below others in use, and while it is used up. */
TEST(PersistentStore, free_chunks_are_as_many_as_can_be_prepared)
{
	constexpr uint64_t chunk = 8;
	Layout layout{chunk};
	for (uint64_t device_chunks : {2, 3, 257, 258, 259, 260, 300, 515, 516, 517}) {
		SCOPED_TRACE(device_chunks);
		StoreRig rig({.sectors = device_chunks * chunk + 5});
		put_header(rig.device, chunk);
		uint64_t exception = 0;
		/* Holes: before these, and between them, one across a metadata chunk. */
		for (uint64_t at : {20, 21, 30, 254, 270, 280})
			if (at < device_chunks)
				put_entry(rig.device, layout, exception++, {at, at});
		rig.open(chunk);
		uint64_t before = rig.store->free_chunks();
		uint64_t left = before;
		while (auto taken = rig.store->prepare(7)) {
			left -= taken->count;
			EXPECT_EQ(rig.store->free_chunks(), left);
		}
		EXPECT_EQ(left, 0u);
		EXPECT_EQ(before, layout.capacity(device_chunks) - exception);
		EXPECT_FALSE(rig.store->cut_off());
	}
}

TEST(PersistentStore, a_device_that_ends_before_a_used_chunk_is_cut_off)
{
	StoreRig rig({.sectors = 8 * 600});
	rig.open(8);
	EXPECT_FALSE(rig.store->cut_off());
	rig.device.resize(2 * 8 - 1);
	EXPECT_TRUE(rig.store->cut_off());
	rig.device.resize(2 * 8);
	EXPECT_FALSE(rig.store->cut_off());
	rig.device.resize(300 * 8);
	/* Up to the last chunk before area 1; the next free one is after it. */
	ASSERT_TRUE(rig.store->prepare(256));
	rig.device.resize(258 * 8);
	EXPECT_FALSE(rig.store->cut_off());
	EXPECT_EQ(rig.store->prepare(1).error(), Error::cow_device_full);
	rig.device.resize(258 * 8 - 1);
	EXPECT_TRUE(rig.store->cut_off());
	EXPECT_EQ(rig.store->prepare(1).error(), Error::cow_device_cut_off);
	EXPECT_EQ(rig.store->free_chunks(), 0u);
	rig.device.resize(0);
	EXPECT_EQ(rig.store->prepare(1).error(), Error::cow_device_cut_off);
}

TEST(PersistentStore, holes_are_found_at_load_and_handed_out_first)
{
	Layout layout{8};
	StoreRig rig({.sectors = 8 * 600});
	put_header(rig.device, 8);
	/* In the order in which copies might have ended. */
	const Entries recorded = {{1, 5}, {2, 260}, {3, 2}, {4, 255}, {5, 4}, {6, 261}};
	for (size_t i = 0; i < recorded.size(); i++)
		put_entry(rig.device, layout, i, recorded[i]);
	rig.open(8);
	EXPECT_EQ(rig.loaded.entries, recorded);
	auto next = [&](uint64_t wanted) {
		auto taken = rig.store->prepare(wanted);
		return taken ? std::pair{taken->begin.value, taken->count} : std::pair{0ul, 0ul};
	};
	using Taken = std::pair<uint64_t, uint64_t>;
	EXPECT_EQ(next(100), (Taken{3, 1}));
	EXPECT_EQ(next(100), (Taken{6, 100}));
	EXPECT_EQ(next(1000), (Taken{106, 149}));
	/* Chunk 258 is area 1. */
	EXPECT_EQ(next(1000).first, 256u);
}

TEST(PersistentStore, allocated_chunks_never_leak_over_reloads)
{
	for_seeds(30, [](uint64_t seed) {
		Random random(seed);
		uint32_t chunk = 1u << random.below(4);
		Layout layout{chunk};
		uint64_t chunks = 2 + random.below(4 * layout.slots());
		StoreRig rig({.sectors = chunks * chunk});
		rig.open(chunk);
		Entries list;
		for (int round = 0; round < 6; round++) {
			/* Prepared in one order, recorded in part and in another. */
			Runs runs;
			for (uint64_t n = random.below(40); n; n--) {
				auto taken = rig.store->prepare(1 + random.below(9));
				if (!taken)
					break;
				runs.push_back({{list.size() + 10000 * runs.size()},
						taken->begin,
						taken->count});
			}
			for (size_t i = runs.size(); i > 1; i--)
				std::swap(runs[i - 1], runs[random.below(i)]);
			runs.resize(random.below(runs.size() + 1));
			ASSERT_TRUE(rig.commit(runs));
			for (Entry entry : entries_of(runs))
				list.push_back(entry);
			rig.reopen();
			ASSERT_EQ(rig.loaded.entries, list);
		}
		std::set<uint64_t> used;
		for (Entry entry : list)
			ASSERT_TRUE(used.insert(entry.new_chunk).second);
		while (auto taken = rig.store->prepare(1 + random.below(9)))
			for (uint64_t i = 0; i < taken->count; i++) {
				uint64_t chunk_number = taken->begin.value + i;
				ASSERT_TRUE(used.insert(chunk_number).second) << chunk_number;
				ASSERT_FALSE(layout.is_metadata(chunk_number)) << chunk_number;
				ASSERT_LT(chunk_number, chunks);
			}
		EXPECT_EQ(used.size(), layout.capacity(chunks));
	});
}

TEST(PersistentStore, a_reload_always_equals_what_was_committed)
{
	for_seeds(40, [](uint64_t seed) {
		Random random(seed);
		const uint32_t sizes[] = {1, 2, 8, 16, 32, 128};
		uint32_t chunk = sizes[random.below(std::size(sizes))];
		Layout layout{chunk};
		uint64_t chunks = 2 * layout.slots() + random.below(2 * layout.slots());
		StoreRig rig({.sectors = chunks * chunk},
			     {.order = user::Order::random, .seed = seed});
		/* The old contents do not matter, except the magic. */
		put_garbage(rig.device, layout);
		rig.open(chunk);
		Entries list;
		uint64_t biggest = 1 + random.below(layout.slots() * 3 / 2);
		for (int round = 0; round < 25; round++) {
			auto runs = rig.prepare(*rig.store, random.below(biggest), list.size() * 3);
			ASSERT_TRUE(rig.commit(runs));
			for (Entry entry : entries_of(runs))
				list.push_back(entry);
			if (random.one_in(3)) {
				rig.reopen();
				ASSERT_EQ(rig.loaded.entries, list);
			}
		}
		rig.close();
		EXPECT_EQ(list_on(rig.device.durable(), layout), list);
	});
}

TEST(PersistentStore, a_load_reads_ahead_and_no_more_than_it_must)
{
	Layout layout{1};
	constexpr uint64_t areas = 200;
	StoreRig rig({.sectors = layout.area_chunk(areas) + 50});
	put_header(rig.device, 1);
	for (uint64_t n = 0; n < areas * layout.slots(); n++)
		put_entry(rig.device, layout, n, {n, n / layout.slots() * 33 + 2 + n % 32});
	size_t deepest = 0;
	uint64_t begin = rig.world.now_ns();
	bool opened = false;
	rig.world.spawn("open", [&] {
		rig.open(0);
		opened = true;
	});
	rig.world.run_until([&] {
		deepest = std::max(deepest, rig.device.in_flight());
		return opened;
	});
	EXPECT_EQ(rig.loaded.entries.size(), areas * layout.slots());
	EXPECT_GE(deepest, 31u);
	EXPECT_LE(deepest, 32u);
	/* 10 us each if they were read one after the other. */
	EXPECT_LT(rig.world.now_ns() - begin, areas * 10'000 / 8);
}

TEST(PersistentStore, a_list_that_ends_deep_in_a_long_area_continues_there)
{
	/* 8192 entries in an area, which is read in two pieces. */
	Layout layout{256};
	StoreRig rig({.sectors = 256 * 8000});
	rig.open(256);
	ASSERT_TRUE(rig.add(5000));
	rig.reopen();
	ASSERT_EQ(rig.loaded.entries.size(), 5000u);
	ASSERT_TRUE(rig.add(10));
	EXPECT_EQ(list_on(rig.device.durable(), layout).size(), 5010u);
	rig.reopen();
	EXPECT_EQ(rig.loaded.entries.size(), 5010u);
}

TEST(PersistentStore, dead_entries_far_after_the_end_of_the_list_stay_dead)
{
	/* In the second of the two pieces in which the area is read. */
	Layout layout{256};
	StoreRig rig({.sectors = 256 * 8000});
	rig.open(256);
	ASSERT_TRUE(rig.add(100));
	put_entry(rig.device, layout, 6000, {1, 7000});
	rig.reopen();
	rig.next_old = 100;
	ASSERT_TRUE(rig.add(5900));
	EXPECT_EQ(list_on(rig.device.durable(), layout).size(), 6000u);
}

TEST(PersistentStore, a_load_of_a_short_list_reads_little)
{
	StoreRig rig({.sectors = 8 * 100000});
	rig.open(8);
	ASSERT_TRUE(rig.add(3));
	rig.close();
	rig.device.reset_log();
	rig.reopen();
	/* Header, area, the block in which the list ends. */
	EXPECT_EQ(rig.device.counters().reads, 3u);
}

TEST(PersistentStore, a_load_works_with_the_memory_for_one_read)
{
	StoreRig rig({.sectors = 8 * 3000});
	rig.open(8);
	ASSERT_TRUE(rig.add(2000));
	rig.close();
	user::Memory &memory = user::Memory::instance();
	/* First without, then with each allocation of the constructor failing in turn. */
	uint64_t outstanding = memory.outstanding();
	uint64_t refused = 0;
	uint64_t loaded = 0;
	for (uint64_t n = 0;; n++) {
		memory.fail_construct_at(n);
		auto content = rig.try_open(0);
		uint64_t requests = memory.construct_requests();
		memory.fail_nothing();
		if (content) {
			EXPECT_EQ(rig.loaded.entries.size(), 2000u);
			content->store->quiesce();
			loaded++;
		} else {
			EXPECT_EQ(content.error(), Error::no_memory);
			refused++;
		}
		content = fail(Error::no_memory);
		EXPECT_EQ(memory.outstanding(), outstanding) << n;
		if (requests <= n)
			break;
	}
	/* A failed read of what is needed fails it; failed read-ahead does not. */
	EXPECT_GT(refused, 10u);
	EXPECT_GT(loaded, 3u);
}

TEST(PersistentStore, making_a_new_store_fails_without_a_leak_when_memory_is_short)
{
	user::Memory &memory = user::Memory::instance();
	for (uint64_t n = 0;; n++) {
		StoreRig rig({.sectors = 1024});
		uint64_t outstanding = memory.outstanding();
		memory.fail_construct_at(n);
		auto content = rig.try_open(8);
		uint64_t requests = memory.construct_requests();
		memory.fail_nothing();
		if (content)
			break;
		EXPECT_LT(n, requests);
		EXPECT_EQ(content.error(), Error::no_memory);
		EXPECT_EQ(memory.outstanding(), outstanding) << n;
		/* No half a store was written. */
		EXPECT_TRUE(all_zero(rig.device.peek(0, 16)));
	}
}

TEST(PersistentStore, a_new_store_that_cannot_be_written_is_refused_with_a_line_in_the_log)
{
	for (Op op : {Op::zero, Op::write, Op::flush}) {
		StoreRig rig({.sectors = 1024});
		rig.device.fail_nth(op, 1);
		auto content = rig.try_open(8);
		ASSERT_FALSE(content);
		EXPECT_EQ(content.error(), Error::write_failed);
		ASSERT_EQ(rig.complaints().size(), 1u);
		EXPECT_TRUE(rig.world.log_holds("writing failed")) << to_text(op);
		EXPECT_TRUE(all_zero(rig.device.durable().read(0, 1))) << to_text(op);
	}
}

} // namespace
} // namespace dmsnap::test
