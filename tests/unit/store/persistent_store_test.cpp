// SPDX-License-Identifier: GPL-2.0-only
/*
 * PersistentStore without crashes: a new store, its header, and the invalid mark.  Other tests:
 * persistent_commit_test.cpp (what it records), persistent_room_test.cpp (which chunks it uses),
 * persistent_load_test.cpp, persistent_crash_test.cpp and hostile_store_test.cpp.
 */
#include <algorithm>

#include "store/persistent_store.hpp"
#include "support/complaints.hpp"
#include "unit/store/store_rig.hpp"
#include "user/memory.hpp"

namespace dmsnap::test {
namespace {

using user::IoRecord;
using user::Op;

std::vector<IoRecord> writes_of(const user::Device &device)
{
	std::vector<IoRecord> writes;
	for (const IoRecord &io : device.log())
		if (io.op != Op::read)
			writes.push_back(io);
	return writes;
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
	EXPECT_TRUE(complaints(rig.world).empty());

	/* The durable contents, and not those in the cache. */
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
	/* Nothing flushes the device here: the commit must be durable by itself. */
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
	EXPECT_EQ(complaints(rig.world),
		  std::vector<std::string>{"warning: chunk size 16 in device metadata overrides "
					   "table chunk size of 32."});
	rig.open(16);
	rig.open(0);
	EXPECT_EQ(rig.loaded.chunk_sectors, 16u);
	EXPECT_EQ(complaints(rig.world).size(), 1u);
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
		/* No partial store was written. */
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
		ASSERT_EQ(complaints(rig.world).size(), 1u);
		EXPECT_TRUE(rig.world.log_holds("writing failed")) << to_text(op);
		EXPECT_TRUE(all_zero(rig.device.durable().read(0, 1))) << to_text(op);
	}
}

} // namespace
} // namespace dmsnap::test
