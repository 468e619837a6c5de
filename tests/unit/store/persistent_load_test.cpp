// SPDX-License-Identifier: GPL-2.0-only
/* What PersistentStore loads, and what a load costs. */
#include <algorithm>

#include "support/seed.hpp"
#include "unit/store/store_rig.hpp"
#include "user/memory.hpp"
#include "user/random.hpp"

namespace dmsnap::test {
namespace {

using user::Random;

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
		/* Old contents do not matter, except for a magic number. */
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
	/* Reads one at a time would take 10 us each. */
	EXPECT_LT(rig.world.now_ns() - begin, areas * 10'000 / 8);
}

TEST(PersistentStore, a_list_that_ends_deep_in_a_long_area_continues_there)
{
	/* An area has 8192 entries and is read in two pieces. */
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
	/* They are in the second of the two pieces of the area. */
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
	/* The header, the area, and the block in which the list ends. */
	EXPECT_EQ(rig.device.counters().reads, 3u);
}

TEST(PersistentStore, a_load_works_with_the_memory_for_one_read)
{
	StoreRig rig({.sectors = 8 * 3000});
	rig.open(8);
	ASSERT_TRUE(rig.add(2000));
	rig.close();
	user::Memory &memory = user::Memory::instance();
	/* First no allocation fails, then each one of the constructor in turn. */
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
	/* A load fails if it cannot read what it needs; a failed read ahead does not matter. */
	EXPECT_GT(refused, 10u);
	EXPECT_GT(loaded, 3u);
}

} // namespace
} // namespace dmsnap::test
