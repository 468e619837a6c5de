// SPDX-License-Identifier: GPL-2.0-only
/*
 * PersistentStore and power failures.  After a crash at any moment, whatever the device's cache
 * lost, kept or tore, the loaded list is what was committed, followed by a first part of the commit
 * in flight.  The data of each exception is there.  Leftovers after the end never become valid.
 */
#include <algorithm>
#include <set>

#include "store/persistent_store.hpp"
#include "support/pattern.hpp"
#include "support/seed.hpp"
#include "unit/store/store_rig.hpp"
#include "user/random.hpp"

namespace dmsnap::test {
namespace {

using user::CrashPolicy;
using user::Image;
using user::Op;
using user::Random;

/* A store with identifiable data on the COW device for each exception. */
class CrashRig : public StoreRig {
public:
	CrashRig(uint32_t chunk_sectors, uint64_t chunks, user::WorldOptions how = {})
	    : StoreRig({.sectors = chunks * chunk_sectors}, how), layout{chunk_sectors}
	{
	}

	/* Writes the first sector of each chunk to the device's cache, as a copy does. */
	void write_data(const Runs &runs)
	{
		for (const Run &run : runs)
			for (uint64_t i = 0; i < run.count; i++)
				write_sector((run.new_begin.value + i) * layout.chunk_sectors,
					     data_of(run.old_begin.value + i));
	}
	std::vector<uint8_t> data_of(uint64_t old_chunk) const
	{
		return Pattern{7, static_cast<uint32_t>(old_chunk)}.make(0, 1);
	}

	/* A crash now with this seed must leave @list and a first part of @more. */
	testing::AssertionResult survives(uint64_t seed, const Entries &more)
	{
		constexpr CrashPolicy::Keep keeps[] = {CrashPolicy::Keep::nothing,
						       CrashPolicy::Keep::everything};
		CrashPolicy policy{seed < 2 ? keeps[seed] : CrashPolicy::Keep::some, seed};
		return holds_prefix(device.crash_image(policy), more);
	}
	testing::AssertionResult holds_prefix(const Image &image, const Entries &more) const
	{
		Entries found = list_on(image, layout);
		size_t kept = found.size() - list.size();
		if (found.size() < list.size())
			return testing::AssertionFailure()
			       << found.size() << " entries are left of " << list.size()
			       << " committed ones";
		if (kept > more.size())
			return testing::AssertionFailure()
			       << kept - more.size() << " entries nobody committed: " << list.size()
			       << " were, of " << more.size() << " in flight";
		for (size_t i = 0; i < found.size(); i++) {
			const Entry &want = i < list.size() ? list[i] : more[i - list.size()];
			if (found[i] != want)
				return testing::AssertionFailure()
				       << "entry " << i << " is " << found[i].old_chunk << " -> "
				       << found[i].new_chunk << " instead of " << want.old_chunk
				       << " -> " << want.new_chunk;
			uint64_t sector = found[i].new_chunk * layout.chunk_sectors;
			if (image.read(sector, 1) != data_of(found[i].old_chunk))
				return testing::AssertionFailure()
				       << "entry " << i << " has lost its data";
		}
		return testing::AssertionSuccess();
	}

	/* Cuts the power, restores it, and loads the store again. */
	void crash_and_reload(CrashPolicy policy)
	{
		device.crash(policy);
		/* I/O in flight ends with an error. */
		world.settle();
		close();
		device.power_on();
		device.reset_log();
		reopen();
		/* A load writes nothing. */
		EXPECT_EQ(device.counters().writes + device.counters().zeroes, 0u);
		EXPECT_EQ(loaded.entries, list_on(device.content(), layout));
		list = loaded.entries;
	}

	Layout layout;
	/* The exceptions that were reported as committed. */
	Entries list;

private:
	void write_sector(uint64_t sector, std::vector<uint8_t> data)
	{
		bool done = false;
		user::DeviceIo io;
		io.op = Op::write;
		io.sector = sector;
		io.sectors = 1;
		io.data.push_back(data);
		io.done = [&](int) { done = true; };
		device.submit(std::move(io));
		world.run_until([&] { return done; });
	}
};

TEST(PersistentCrash, a_crash_while_the_store_is_made_leaves_nothing_or_an_empty_store)
{
	for (uint32_t chunk : {1u, 8u, 32u}) {
		StoreRig rig({.sectors = 16 * chunk});
		rig.device.poke(0, garbage(16 * chunk));
		std::vector<uint8_t> blank = garbage(1);
		std::fill_n(blank.begin(), 4, uint8_t{0});
		rig.device.poke(0, blank);
		Layout layout{chunk};
		bool opened = false;
		rig.world.spawn("open", [&] {
			rig.open(chunk);
			opened = true;
		});
		uint64_t stores = 0;
		do {
			for (uint64_t seed = 0; seed < 40; seed++) {
				CrashPolicy policy{CrashPolicy::Keep::some, seed};
				Image left = rig.device.crash_image(policy);
				std::vector<uint8_t> head = left.read(0, 1);
				head.resize(16);
				std::vector<uint8_t> good = good_header(chunk);
				good.resize(16);
				if (head == good) {
					stores++;
					EXPECT_TRUE(list_on(left, layout).empty()) << seed;
					EXPECT_TRUE(all_zero(left.read(chunk, chunk))) << seed;
				} else {
					head.resize(4);
					EXPECT_TRUE(all_zero(head)) << seed;
				}
			}
		} while (!opened && rig.world.step());
		EXPECT_TRUE(opened);
		EXPECT_GE(stores, 40u);
	}
}

/* Many crashes at each moment of a commit. */
void crash_throughout(CrashRig &rig, const Runs &runs, uint64_t crashes)
{
	crashes = thinned(crashes);
	Entries more = entries_of(runs);
	rig.write_data(runs);
	Commit batch(runs);
	rig.start(*rig.store, batch);
	while (!batch.ended()) {
		for (uint64_t seed = 0; seed < crashes; seed++)
			ASSERT_TRUE(rig.survives(seed, more)) << "crash of seed " << seed;
		ASSERT_TRUE(rig.world.step());
	}
	ASSERT_TRUE(batch.succeeded());
	rig.list.insert(rig.list.end(), more.begin(), more.end());
	for (uint64_t seed = 0; seed < crashes; seed++)
		ASSERT_TRUE(rig.survives(seed, {})) << "crash of seed " << seed;
}

TEST(PersistentCrash, a_crash_during_a_commit_leaves_a_beginning_of_it)
{
	for (uint32_t chunk : {1u, 2u, 8u, 16u, 64u}) {
		CrashRig rig(chunk, 1500);
		/* Later areas hold what looks like exceptions. */
		put_garbage(rig.device, rig.layout, 1);
		rig.open(chunk);
		for (uint64_t n : {1, 3, 40, 60, 23, 1, 128, 1, 200}) {
			Runs runs = rig.prepare(*rig.store, n, rig.list.size() + 5);
			ASSERT_NO_FATAL_FAILURE(crash_throughout(rig, runs, 30)) << chunk;
		}
	}
}

TEST(PersistentCrash, the_invalid_mark_is_there_or_not_and_nothing_else_changes)
{
	CrashRig rig(8, 600);
	rig.open(8);
	Runs runs = rig.prepare(*rig.store, 10, 0);
	rig.write_data(runs);
	ASSERT_TRUE(rig.commit(runs));
	rig.list = entries_of(runs);
	Mark mark;
	rig.on_worker([&] { rig.store->mark_invalid(mark); });
	auto is_marked = [&](const Image &image) {
		return image.read(0, 1) == header_sector(0x70416e53, 0, 1, 8);
	};
	while (!mark.calls) {
		for (uint64_t seed = 0; seed < 20; seed++) {
			Image left = rig.device.crash_image({CrashPolicy::Keep::some, seed});
			EXPECT_TRUE(is_marked(left) || left.read(0, 1) == good_header(8));
			EXPECT_TRUE(rig.holds_prefix(left, {}));
		}
		ASSERT_TRUE(rig.world.step());
	}
	for (uint64_t seed = 0; seed < 20; seed++)
		EXPECT_TRUE(is_marked(rig.device.crash_image({CrashPolicy::Keep::some, seed})));
}

/* @list, an empty slot, then stale entries up to @end. */
void put_stale(CrashRig &rig, uint64_t committed, uint64_t first, uint64_t end)
{
	put_header(rig.device, rig.layout.chunk_sectors);
	for (uint64_t i = 0; i < committed; i++) {
		Entry entry{i, 2 + i + i / rig.layout.slots()};
		put_entry(rig.device, rig.layout, i, entry);
		rig.device.poke(entry.new_chunk * rig.layout.chunk_sectors,
				rig.data_of(entry.old_chunk));
		rig.list.push_back(entry);
	}
	for (uint64_t i = first; i < end; i++)
		put_entry(rig.device, rig.layout, i, {50000 + i, 2 + i % 200});
}

struct Stale {
	const char *name;
	uint32_t chunk;
	uint64_t committed;
	/* The slots with stale entries. */
	uint64_t first;
	uint64_t end;
};

void PrintTo(const Stale &stale, std::ostream *out)
{
	*out << stale.name;
}

class StaleEntries : public testing::TestWithParam<Stale> {};

INSTANTIATE_TEST_SUITE_P(PersistentCrash, StaleEntries,
			 testing::Values(Stale{"in_the_same_sector", 8, 5, 10, 20},
					 Stale{"in_the_next_sector", 8, 5, 32, 64},
					 Stale{"at_the_end_of_the_block", 8, 5, 250, 256},
					 Stale{"in_all_of_the_block", 8, 5, 6, 256},
					 Stale{"behind_an_end_at_a_sector", 8, 32, 33, 100},
					 Stale{"behind_an_empty_list", 8, 0, 1, 256},
					 Stale{"in_the_next_block", 16, 250, 256, 300},
					 Stale{"in_both_blocks", 16, 250, 255, 512},
					 Stale{"behind_an_end_at_a_block", 16, 256, 257, 400},
					 Stale{"in_a_later_block", 64, 10, 1024, 1200},
					 Stale{"in_all_blocks", 64, 255, 256, 2048},
					 Stale{"in_the_last_slot", 64, 10, 2047, 2048},
					 Stale{"in_a_second_area", 1, 40, 45, 64}),
			 [](const auto &test) { return std::string(test.param.name); });

TEST_P(StaleEntries, after_the_end_stay_dead)
{
	const Stale &stale = GetParam();
	/* Batches that end just before the stale entries, reach them, and extend past them. */
	for (uint64_t n : {stale.first - stale.committed, uint64_t{1}, uint64_t{27},
			   stale.end - stale.committed, uint64_t{600}}) {
		CrashRig rig(stale.chunk, 4000);
		put_stale(rig, stale.committed, stale.first, stale.end);
		rig.reopen();
		ASSERT_EQ(rig.loaded.entries, rig.list);
		Runs runs = rig.prepare(*rig.store, n, 100);
		ASSERT_NO_FATAL_FAILURE(crash_throughout(rig, runs, 20)) << "batch of " << n;
		/* The same with a commit after it. */
		for (uint64_t m : {uint64_t{1}, stale.end + 3}) {
			runs = rig.prepare(*rig.store, m, 1000 * m);
			ASSERT_NO_FATAL_FAILURE(crash_throughout(rig, runs, 4))
				<< "batch of " << n << ", then " << m;
		}
		rig.reopen();
		EXPECT_EQ(rig.loaded.entries, rig.list);
	}
}

TEST(PersistentCrash, stale_entries_cost_one_wipe_and_only_once)
{
	CrashRig rig(64, 4000);
	put_stale(rig, 10, 1024, 1200);
	rig.reopen();
	rig.device.reset_log();
	for (int i = 0; i < 5; i++)
		ASSERT_TRUE(rig.commit(rig.prepare(*rig.store, 3, 100 + i * 3)));
	EXPECT_EQ(rig.device.counters().zeroes, 1u);
	EXPECT_EQ(rig.device.counters().writes, 5u);
	EXPECT_TRUE(all_zero(rig.device.durable().read(rig.layout.sector_of(256), 56)));
}

TEST(PersistentCrash, a_wipe_that_fails_fails_the_commit_and_nothing_was_added)
{
	CrashRig rig(64, 4000);
	put_stale(rig, 10, 1024, 1200);
	rig.reopen();
	rig.device.fail_nth(Op::zero, 1);
	Commit batch(rig.prepare(*rig.store, 2000, 100));
	rig.start(*rig.store, batch);
	rig.world.settle();
	EXPECT_TRUE(batch.failed_with(Error::write_failed));
	EXPECT_EQ(rig.device.counters().writes, 0u);
	rig.close();
	rig.reopen();
	EXPECT_EQ(rig.loaded.entries, rig.list);
}

TEST(PersistentCrash, a_tail_that_cannot_be_read_again_refuses_the_store)
{
	CrashRig rig(8, 600);
	put_stale(rig, 10, 20, 30);
	rig.device.fail_nth(Op::read, 3);
	auto content = rig.try_open(0);
	ASSERT_FALSE(content);
	EXPECT_EQ(content.error(), Error::read_failed);
}

/* A long sequence of commits and crashes; the model is only the list. */
void live_and_crash(uint64_t seed)
{
	Random random(seed);
	const uint32_t sizes[] = {1, 1, 2, 8, 16, 32};
	uint32_t chunk = sizes[random.below(std::size(sizes))];
	Layout layout{chunk};
	uint64_t chunks = layout.slots() + random.below(2 * layout.slots()) + 3;
	CrashRig rig(chunk, chunks, {.order = user::Order::random, .seed = seed});
	put_garbage(rig.device, layout);
	rig.open(chunk);
	/* No two exceptions have the same origin chunk. */
	uint64_t old = 1;
	uint64_t biggest = 1 + random.below(layout.slots());
	for (int round = 0; round < 12; round++) {
		Runs runs = rig.prepare(*rig.store, 1 + random.below(biggest), old);
		Entries more = entries_of(runs);
		old += more.size();
		rig.write_data(runs);
		bool crash = random.one_in(2);
		{
			Commit batch(runs);
			rig.start(*rig.store, batch);
			for (uint64_t steps = crash ? random.below(20) : UINT64_MAX;
			     steps && !batch.ended(); steps--) {
				ASSERT_TRUE(rig.survives(random.next(), more));
				ASSERT_TRUE(rig.world.step());
			}
			if (batch.ended()) {
				ASSERT_TRUE(batch.succeeded());
				rig.list.insert(rig.list.end(), more.begin(), more.end());
				more.clear();
			}
			ASSERT_TRUE(rig.survives(random.next(), more));
			if (crash) {
				CrashPolicy policy{CrashPolicy::Keep::some, random.next()};
				ASSERT_TRUE(rig.holds_prefix(rig.device.crash_image(policy), more));
				rig.device.crash(policy);
				rig.world.settle();
				EXPECT_TRUE(batch.ended());
			}
		}
		if (crash)
			rig.crash_and_reload({});
	}
	/* After all crashes every chunk is either in the list or free. */
	std::set<uint64_t> used;
	for (const Entry &entry : rig.list)
		ASSERT_TRUE(used.insert(entry.new_chunk).second);
	rig.reopen();
	while (auto taken = rig.store->prepare(1 + random.below(9)))
		for (uint64_t i = 0; i < taken->count; i++)
			ASSERT_TRUE(used.insert(taken->begin.value + i).second);
	EXPECT_EQ(used.size(), layout.capacity(chunks));
}

TEST(PersistentCrash, nothing_that_was_not_committed_ever_shows_and_nothing_leaks)
{
	for_seeds(150, live_and_crash);
}

} // namespace
} // namespace dmsnap::test
