// SPDX-License-Identifier: GPL-2.0-only
/*
 * PersistentStore: removes exceptions from the end of the list, as a merge does, and adds others in
 * their slots.
 */
#include <gtest/gtest.h>

#include "store/list_tail.hpp"
#include "support/seed.hpp"
#include "unit/store/store_rig.hpp"

namespace dmsnap::test {
namespace {

using user::CrashPolicy;
using user::Op;
using user::Random;

class TailRig : public StoreRig {
public:
	TailRig(uint32_t chunk_sectors, uint64_t areas, user::WorldOptions how = {})
	    : StoreRig({.sectors = (Layout{chunk_sectors}.area_chunk(areas) + 1) * chunk_sectors},
		       how),
	      layout{chunk_sectors}
	{
		EXPECT_TRUE(tail_.allocate());
		put_garbage(device, layout);
		open(chunk_sectors);
	}

	void grow(uint64_t count)
	{
		Runs runs = prepare(*store, count, next_old);
		Entries more = entries_of(runs);
		next_old += more.size();
		ASSERT_TRUE(commit(runs));
		list.insert(list.end(), more.begin(), more.end());
	}

	/* Reads up to @count exceptions from the end of the list into tail(). */
	void read(uint32_t count)
	{
		tail_.limit(count);
		request([&] { store->read_tail(tail_); });
		ASSERT_TRUE(tail_.status);
		ASSERT_GE(tail_.count(), 1u);
		ASSERT_LE(tail_.count(), count);
		size_t first = list.size() - tail_.count();
		for (uint32_t i = 0; i < tail_.count(); i++) {
			format::Exception exception = tail_.at(i);
			EXPECT_EQ((Entry{exception.old_chunk.value, exception.new_chunk.value}),
				  list[first + i]);
		}
	}

	void cut(uint32_t count)
	{
		read(count);
		request([&] { store->cut_tail(tail_); });
		ASSERT_TRUE(tail_.status);
		on_worker([&] { store->tail_is_cut(tail_); });
		list.resize(list.size() - tail_.count());
	}

	void request(std::function<void()> body)
	{
		tail_.ended = false;
		on_worker(std::move(body));
		ASSERT_TRUE(world.run_until([&] { return tail_.ended; }));
	}

	/* A crash now must leave the list, which the store also has in memory. */
	testing::AssertionResult holds(CrashPolicy policy = {})
	{
		Entries left = list_on(device.crash_image(policy), layout);
		if (left != list)
			return testing::AssertionFailure()
			       << left.size() << " entries on disk, not " << list.size();
		if (store->exceptions() != list.size())
			return testing::AssertionFailure()
			       << store->exceptions() << " in memory, not " << list.size();
		return testing::AssertionSuccess();
	}

	struct Tail : ListTail {
		Tail() : ListTail([](ListTail &tail) { static_cast<Tail &>(tail).ended = true; }) {}
		bool ended = false;
	};
	Tail &tail() { return tail_; }

	Layout layout;
	Entries list;

private:
	Tail tail_;
};

TEST(PersistentMerge, a_cut_is_durable_and_keeps_earlier_entries)
{
	TailRig rig(8, 3);
	rig.grow(300);
	rig.cut(20);
	EXPECT_TRUE(rig.holds());
	rig.cut(100);
	EXPECT_TRUE(rig.holds());
	rig.reopen();
	EXPECT_EQ(rig.loaded.entries, rig.list);
}

TEST(PersistentMerge, a_cut_over_an_area_is_one_write)
{
	TailRig rig(8, 3);
	rig.grow(300);
	rig.device.reset_log();
	rig.cut(100);
	EXPECT_EQ(rig.device.counters().fua_writes, 1u);
	EXPECT_EQ(rig.device.counters().writes, 1u);
	EXPECT_TRUE(rig.holds());
}

TEST(PersistentMerge, the_list_grows_over_all_blocks_that_were_cut)
{
	/* An area has eight blocks with 2048 entries. */
	TailRig rig(64, 2);
	rig.grow(1500);
	rig.cut(1300);
	ASSERT_EQ(rig.list.size(), 200u);
	/* It grows just into the next block; the third block's entries are behind its end. */
	rig.grow(56 + 256);
	EXPECT_TRUE(rig.holds());
	rig.grow(1);
	EXPECT_TRUE(rig.holds());
}

TEST(PersistentMerge, the_area_after_a_cut_is_zeroed_again)
{
	TailRig rig(8, 4);
	rig.grow(256 + 200);
	rig.world.settle();
	rig.cut(300);
	ASSERT_EQ(rig.list.size(), 156u);
	rig.grow(100);
	EXPECT_TRUE(rig.holds());
	rig.grow(10);
	EXPECT_TRUE(rig.holds());
}

TEST(PersistentMerge, zeros_under_way_for_another_area_count_for_nothing)
{
	TailRig rig(8, 4);
	rig.grow(256);
	rig.device.hold(Op::zero);
	rig.grow(200);
	ASSERT_EQ(rig.device.held(), 1u);
	rig.cut(300);
	ASSERT_EQ(rig.list.size(), 156u);
	rig.device.release();
	rig.world.settle();
	rig.grow(100);
	EXPECT_TRUE(rig.holds());
	rig.grow(10);
	EXPECT_TRUE(rig.holds());
}

TEST(PersistentMerge, dead_entries_after_a_cut_stay_dead)
{
	TailRig rig(64, 2);
	rig.grow(300);
	/* As after a torn commit: behind a hole, at the start of a block. */
	put_entry(rig.device, rig.layout, 768, {5, 2000});
	rig.reopen();
	rig.cut(200);
	EXPECT_TRUE(rig.holds());
	/* The list grows up to that entry. */
	rig.grow(668);
	ASSERT_EQ(rig.list.size(), 768u);
	EXPECT_TRUE(rig.holds());
}

TEST(PersistentMerge, what_was_put_back_is_there_again)
{
	TailRig rig(64, 2);
	rig.grow(1500);
	rig.read(1000);
	rig.device.fail_nth(Op::write, 1);
	rig.request([&] { rig.store->cut_tail(rig.tail()); });
	EXPECT_FALSE(rig.tail().status);
	EXPECT_EQ(rig.tail().status.error(), Error::write_failed);
	rig.device.poke(rig.layout.sector_of(600), std::vector<uint8_t>(512));
	rig.request([&] { rig.store->put_back_tail(rig.tail()); });
	ASSERT_TRUE(rig.tail().status);
	EXPECT_TRUE(rig.holds());
	rig.grow(10);
	EXPECT_TRUE(rig.holds());
}

TEST(PersistentMerge, a_tail_that_cannot_be_read_says_so)
{
	TailRig rig(8, 3);
	rig.grow(300);
	rig.device.fail_nth(Op::read, 2);
	rig.tail().limit(100);
	rig.request([&] { rig.store->read_tail(rig.tail()); });
	EXPECT_FALSE(rig.tail().status);
	EXPECT_EQ(rig.tail().status.error(), Error::read_failed);
	rig.device.clear_faults();
	rig.cut(100);
	EXPECT_TRUE(rig.holds());
}

/* Grows and cuts the list, with crashes at times; the model is only the list. */
void grow_and_cut(uint64_t seed)
{
	Random random(seed);
	const uint32_t sizes[] = {1, 2, 8, 16, 64};
	uint32_t chunk = sizes[random.below(std::size(sizes))];
	TailRig rig(chunk, 12, {.order = user::Order::random, .seed = seed});
	uint64_t most = 1 + random.below(3 * rig.layout.slots());
	for (int round = 0; round < 10; round++) {
		if (rig.list.empty() || random.one_in(2))
			rig.grow(1 + random.below(most));
		else
			rig.cut(static_cast<uint32_t>(1 + random.below(most)));
		if (testing::Test::HasFatalFailure())
			return;
		ASSERT_TRUE(rig.holds({CrashPolicy::Keep::some, random.next()}));
		if (random.one_in(4)) {
			rig.device.crash({CrashPolicy::Keep::some, random.next()});
			rig.world.settle();
			rig.device.power_on();
			rig.reopen();
			ASSERT_EQ(rig.loaded.entries, rig.list);
		}
	}
}

TEST(PersistentMerge, in_any_order_the_list_is_what_was_put_there_and_not_cut)
{
	for_seeds(60, grow_and_cut);
}

} // namespace
} // namespace dmsnap::test
