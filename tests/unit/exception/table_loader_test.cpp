// SPDX-License-Identifier: GPL-2.0-only
/*
 * TableLoader: the table equals a std::map whatever the order of the exceptions, takes inserts
 * afterwards, and leaks nothing when memory is short.
 */
#include "exception/table_loader.hpp"

#include <algorithm>
#include <functional>
#include <vector>

#include "support/seed.hpp"
#include "unit/exception/table_model.hpp"
#include "user/memory.hpp"
#include "user/random.hpp"

namespace dmsnap::test {
namespace {

using user::Memory;
using user::Random;
using Entries = std::vector<TableEntry>;

/* Enough for three levels of the table. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t many = 20'000;
#else
constexpr uint64_t many = 100'000;
#endif

/* @count runs of up to @longest chunks, with gaps of up to @gap, from @begin on. */
Entries runs(Random &random, uint64_t count, uint64_t longest, uint64_t gap, uint64_t begin = 0)
{
	Entries entries;
	uint64_t old_chunk = begin;
	uint64_t new_chunk = 2;
	while (entries.size() < count) {
		old_chunk += random.below(gap + 1);
		new_chunk += random.below(3);
		for (uint64_t left = 1 + random.below(longest); left > 0; left--)
			entries.push_back({{old_chunk++}, {new_chunk++}});
	}
	return entries;
}

void shuffle(Random &random, Entries &entries)
{
	for (size_t i = entries.size(); i > 1; i--)
		std::swap(entries[i - 1], entries[random.below(i)]);
}

/* Above all origin chunks. */
uint64_t limit_of(const Entries &entries)
{
	uint64_t limit = 0;
	for (const TableEntry &entry : entries)
		limit = std::max(limit, entry.old_chunk.value + 1);
	return limit;
}

/* The most pages that this many slots take, including those held back. */
size_t pages_for(uint64_t slots)
{
	const uint64_t leaves =
		slots / (detail::LeafChainWriter<uint32_t, PageSizes>::fill - 1) + 1;
	return leaves + leaves / 200 + 2 + 2 * ExceptionTable::held_back;
}

TEST(TableLoader, nothing_to_load_leaves_the_table_empty)
{
	auto table = make_table(narrow);
	const size_t pages = table->pages();
	TableLoader loader(*table, narrow);
	EXPECT_TRUE(loader.finish());
	expect_unmapped(*table, 0, UINT64_MAX);
	EXPECT_EQ(table->chunks(), 0u);
	EXPECT_EQ(table->pages(), pages);
}

TEST(TableLoader, exceptions_in_any_order_give_the_table_of_a_map)
{
	for_seeds(8, [&](uint64_t seed) {
		Random random(seed);
		for (const uint64_t limit : {narrow, wide}) {
			Entries entries = runs(random, 1 + random.below(many),
					       random.one_in(2) ? 1 : 50, random.below(30));
			if (!random.one_in(4))
				shuffle(random, entries);
			Model model(limit);
			model.load(entries, random.one_in(4) ? UINT64_MAX : limit_of(entries));
			model.check_all();
			if (testing::Test::HasFatalFailure())
				return;
		}
	});
}

TEST(TableLoader, table_takes_inserts_and_erasures_afterwards)
{
	for_seeds(4, [&](uint64_t seed) {
		Random random(seed);
		Entries entries = runs(random, many / 2, random.one_in(2) ? 1 : 50, 30);
		const uint64_t end = entries.back().old_chunk.value;
		uint64_t new_chunk = entries.back().new_chunk.value + 100;
		shuffle(random, entries);
		Model model(narrow);
		model.load(entries, limit_of(entries));
		for (uint64_t step = 0; step < many / 4; step++) {
			ASSERT_TRUE(model.table().reserve(DMSNAP_ALLOC_NOWAIT));
			Memory::instance().fail_nowait_from(0);
			const uint64_t chunk = random.below(end + 1000);
			const auto mapped = model.mapped_part(chunk, 1 + random.below(20));
			const auto unmapped =
				model.free_part({{chunk}, {new_chunk}, 1 + random.below(20)});
			if (random.one_in(4) && mapped.count > 0)
				model.erase(mapped.old_begin.value, mapped.count);
			else if (unmapped.count > 0)
				model.insert(unmapped);
			else
				model.table().unreserve();
			new_chunk += 21;
			Memory::instance().fail_nothing();
			if (testing::Test::HasFatalFailure())
				return;
		}
		model.check_all();
	});
}

TEST(TableLoader, chunks_far_apart_and_of_the_highest_numbers_are_kept)
{
	for (const uint64_t limit : {narrow, wide}) {
		Random random(limit);
		Model model(limit);
		Entries entries;
		for (unsigned int bit = 5; bit < 64; bit++) {
			/* Beyond the key range of one leaf as well. */
			const uint64_t begin = (uint64_t{1} << bit) - 7;
			for (uint64_t i = 0; i < 14; i++)
				entries.push_back(
					{{begin + i}, {limit - 1000 + 15 * bit + i - 75}});
		}
		entries.push_back({{UINT64_MAX - 1}, {limit - 1}});
		shuffle(random, entries);
		model.load(entries, UINT64_MAX);
		model.check_all();
		expect_mapped(model.table(), UINT64_MAX - 1, limit - 1, 1);
	}
}

TEST(TableLoader, leaves_are_almost_full)
{
	for_seeds(1, [&](uint64_t seed) {
		Random random(seed);
		for (const uint64_t count : {many / 10, many / 3, many}) {
			Entries entries;
			for (uint64_t i = 0; i < count; i++)
				entries.push_back({{2 * i}, {2 + i}});
			shuffle(random, entries);
			Model model(narrow);
			model.load(entries, limit_of(entries));
			EXPECT_LE(model.table().pages(), pages_for(count)) << count;
		}
	});
}

TEST(TableLoader, one_run_of_many_chunks_takes_no_memory)
{
	Random random(1);
	Entries entries = runs(random, many, many, 0);
	shuffle(random, entries);
	Model model(narrow);
	model.load(entries, limit_of(entries));
	EXPECT_LE(model.table().pages(), pages_for(2));
	model.check_all();
}

TEST(TableLoader, chunk_that_comes_twice_is_found)
{
	for_seeds(30, [&](uint64_t seed) {
		Random random(seed);
		Entries entries = runs(random, 1 + random.below(many / 2),
				       random.one_in(2) ? 1 : 50, random.below(3));
		if (!random.one_in(4))
			shuffle(random, entries);
		/* In the same batch or another one, in a run or not. */
		const size_t first = random.below(entries.size());
		const TableEntry again{entries[first].old_chunk, {4'000'000'000}};
		const size_t at = first + 1 + random.below(entries.size() - first);
		entries.insert(entries.begin() + static_cast<ptrdiff_t>(at), again);

		auto table = make_table(narrow);
		TableLoader loader(*table, random.one_in(4) ? UINT64_MAX : limit_of(entries));
		for (const TableEntry &entry : entries)
			ASSERT_TRUE(loader.add(entry.old_chunk, entry.new_chunk));
		auto status = loader.finish();
		ASSERT_FALSE(status);
		EXPECT_EQ(status.error(), Error::old_chunk_duplicate);
		EXPECT_EQ(loader.duplicate().old_begin, again.old_chunk);
		EXPECT_EQ(loader.duplicate().new_begin, again.new_chunk);
		EXPECT_EQ(table->chunks(), 0u);
	});
}

TEST(TableLoader, first_chunk_alone_may_come_twice_too)
{
	auto table = make_table(narrow);
	TableLoader loader(*table, narrow);
	ASSERT_TRUE(loader.add({0}, {2}));
	ASSERT_TRUE(loader.add({0}, {3}));
	auto status = loader.finish();
	ASSERT_FALSE(status);
	EXPECT_EQ(status.error(), Error::old_chunk_duplicate);
	EXPECT_EQ(loader.duplicate().new_begin, NewChunk{3});
}

TEST(TableLoader, any_request_for_memory_may_fail)
{
	Random random(7);
	Entries entries = runs(random, 15'000, 1, 5);
	shuffle(random, entries);
	const size_t outstanding = Memory::instance().outstanding();
	uint64_t failed = 0;
	for (uint64_t n = 0;; n++) {
		bool loaded = true;
		uint64_t requests;
		{
			auto table = make_table(narrow);
			TableLoader loader(*table, narrow);
			Memory::instance().fail_construct_at(n);
			for (const TableEntry &entry : entries) {
				loaded = loader.add(entry.old_chunk, entry.new_chunk).has_value();
				if (!loaded)
					break;
			}
			if (loaded) {
				auto status = loader.finish();
				loaded = status.has_value();
				if (!loaded) {
					EXPECT_EQ(status.error(), Error::no_memory);
				}
			}
			requests = Memory::instance().construct_requests();
			Memory::instance().fail_nothing();
			EXPECT_EQ(table->chunks(), loaded ? entries.size() : 0);
			if (!loaded)
				expect_unmapped(*table, 0, UINT64_MAX);
			failed += !loaded;
		}
		ASSERT_EQ(Memory::instance().outstanding(), outstanding) << "request " << n;
		if (n >= requests)
			break;
	}
	EXPECT_GT(failed, 0u);
}

} // namespace
} // namespace dmsnap::test
