// SPDX-License-Identifier: GPL-2.0-only
/* ExceptionTable that loses exceptions, compared with a std::map as well. */
#include <gtest/gtest.h>

#include "support/seed.hpp"
#include "support/small_table.hpp"
#include "unit/exception/full_leaves.hpp"
#include "unit/exception/table_model.hpp"
#include "user/failure.hpp"
#include "user/memory.hpp"
#include "user/random.hpp"

namespace dmsnap {
namespace {

using namespace test;
using user::Memory;
using user::Random;

/*
 * Inserts and erases in turn, as a merge does, but harder: any stretch of mapped chunks may be
 * erased, also the middle of a run.  No page can be allocated during a change.
 */
void compare_erasing(uint64_t new_limit, uint64_t old_limit, uint64_t longest)
{
	test::for_seeds(1, [&](uint64_t seed) {
		Random random(seed);
		Model model(new_limit);
		NewChunks chunks;
		for (uint64_t round = 0; round < 3; ++round) {
			for (uint64_t step = 0; step < steps() / 4; ++step) {
				const bool erase = random.one_in(3);
				const uint64_t chunk = random.below(old_limit);
				const uint64_t count = 1 + random.below(longest);
				ASSERT_TRUE(model.table().reserve(DMSNAP_ALLOC_NOWAIT));
				Memory::instance().fail_nowait_from(0);
				const Run part = erase ? model.mapped_part(chunk, count)
						       : model.free_part(run(
								 chunk, chunks.take(count), count));
				if (part.count == 0)
					model.table().unreserve();
				else if (erase)
					model.erase(part.old_begin.value, part.count);
				else
					model.insert(part);
				Memory::instance().fail_nothing();
				if (testing::Test::HasFatalFailure())
					return;
			}
			model.check_all();
			/* Down to nothing, from a random place each time. */
			for (uint64_t left = model.table().chunks(); left > 0;
			     left = model.table().chunks()) {
				Run part = model.mapped_part(random.below(old_limit), 1 << 20);
				if (part.count == 0)
					part = model.mapped_part(0, 1 << 20);
				ASSERT_TRUE(model.table().reserve(DMSNAP_ALLOC_NOWAIT));
				model.erase(part.old_begin.value, part.count);
			}
			model.check_all();
		}
	});
}

TEST(ExceptionTableErase, single_chunks)
{
	compare_erasing(narrow, 1 << 16, 1);
}

TEST(ExceptionTableErase, runs_and_their_middles)
{
	compare_erasing(narrow, 1 << 20, 40);
}

TEST(ExceptionTableErase, runs_over_several_leaves_with_wide_new_chunks)
{
	compare_erasing(wide, 1 << 14, 3000);
}

TEST(ExceptionTableErase, far_apart)
{
	compare_erasing(narrow, uint64_t{1} << 50, 3);
}

TEST(ExceptionTableErase, the_middle_of_a_run_leaves_two)
{
	auto table = make_table(narrow);
	load(*table, run(100, 500, 10));
	ASSERT_TRUE(table->reserve(DMSNAP_ALLOC_CONSTRUCT));
	table->erase({103}, 4);
	EXPECT_EQ(table->chunks(), 6u);
	expect_mapped(*table, 100, 500, 3);
	expect_unmapped(*table, 103, 4);
	expect_mapped(*table, 107, 507, 3);
	expect_unmapped(*table, 110, UINT64_MAX);
}

TEST(ExceptionTableErase, a_run_over_leaves_that_were_emptied_is_found_whole)
{
	constexpr uint64_t count = 1100;
	for (uint64_t begin = 4000; begin < 4000 + 2 * leaf_slots; begin += 100) {
		auto table = make_table(narrow);
		for (uint64_t chunk = 0; chunk < 20'000; ++chunk)
			load(*table, run(chunk, 2 * chunk));
		ASSERT_TRUE(table->reserve(DMSNAP_ALLOC_CONSTRUCT));
		table->erase({4000}, 6000);
		load(*table, run(begin, 50'000, count));
		uint64_t wrong = 0;
		for (uint64_t into = 0; into < count; ++into) {
			const Mapping mapping = table->find({begin + into}, UINT64_MAX);
			wrong += !mapping.mapped || mapping.new_begin.value != 50'000 + into;
		}
		EXPECT_EQ(wrong, 0u) << "begin " << begin;
		EXPECT_EQ(TreeCheck<PageSizes>(*table).run(), "");
	}
}

/* The emptied leaf knows nothing of what follows it. */
TEST(ExceptionTableErase, an_emptied_leaf_hides_nothing_of_what_follows)
{
	auto table = make_table(narrow);
	for (uint64_t chunk = 0; chunk < 3 * leaf_slots; ++chunk)
		load(*table, run(chunk, 2 * chunk));
	ASSERT_TRUE(table->reserve(DMSNAP_ALLOC_CONSTRUCT));
	table->erase({leaf_slots - 1}, leaf_slots + 1);
	const uint64_t end = 2 * leaf_slots;
	uint64_t chunk = leaf_slots - 1;
	while (chunk < end) {
		const Mapping mapping = table->find({chunk}, UINT64_MAX);
		ASSERT_FALSE(mapping.mapped);
		ASSERT_LE(mapping.count, end - chunk);
		chunk += mapping.count;
	}
	expect_mapped(*table, end, 2 * end, 1);
}

TEST(ExceptionTableErase, refuses_a_run_over_chunks_after_an_emptied_leaf)
{
	auto table = make_table(narrow);
	for (uint64_t chunk = 0; chunk < 3 * leaf_slots; ++chunk)
		load(*table, run(chunk, 2 * chunk));
	ASSERT_TRUE(table->reserve(DMSNAP_ALLOC_CONSTRUCT));
	/* The first leaf has room for the run. */
	table->erase({leaf_slots - 3}, leaf_slots + 3);
	const uint64_t chunks = table->chunks();
	user::FailureCapture failures;
	load(*table, run(leaf_slots - 3, 9000, leaf_slots + 4));
	EXPECT_TRUE(failures.saw("disjoint"));
	EXPECT_EQ(table->chunks(), chunks);
}

} // namespace
} // namespace dmsnap
