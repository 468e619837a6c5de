// SPDX-License-Identifier: GPL-2.0-only
#include "exception/exception_table.hpp"

#include <gtest/gtest.h>

#include "unit/exception/full_leaves.hpp"
#include "unit/exception/table_model.hpp"
#include "user/failure.hpp"

namespace dmsnap {
namespace {

using namespace test;

TEST(ExceptionTable, new_table_maps_nothing)
{
	auto table = make_table(narrow);
	expect_unmapped(*table, 0, UINT64_MAX);
	expect_unmapped(*table, UINT64_MAX, UINT64_MAX);
	EXPECT_EQ(table->chunks(), 0u);
	EXPECT_EQ(table->find({5}, 7).count, 7u);
}

TEST(ExceptionTable, run_answers_for_the_rest_of_itself)
{
	auto table = make_table(narrow);
	load(*table, run(100, 50, 21));
	load(*table, run(121, 99));
	expect_unmapped(*table, 7, 93);
	expect_mapped(*table, 100, 50, 21);
	expect_mapped(*table, 110, 60, 11);
	expect_mapped(*table, 120, 70, 1);
	expect_mapped(*table, 121, 99, 1);
	expect_unmapped(*table, 122, UINT64_MAX);
	EXPECT_EQ(table->find({101}, 4).count, 4u);
	EXPECT_EQ(table->find({90}, 4).count, 4u);
	EXPECT_EQ(table->chunks(), 22u);
}

TEST(ExceptionTable, chunk_that_closes_a_gap_joins_both_sides)
{
	auto table = make_table(narrow);
	load(*table, run(10, 110, 5));
	load(*table, run(16, 116, 5));
	load(*table, run(15, 115));
	expect_mapped(*table, 10, 110, 11);
}

TEST(ExceptionTable, runs_with_separate_new_chunks_are_not_joined)
{
	auto table = make_table(narrow);
	load(*table, run(10, 110, 5));
	load(*table, run(15, 200, 5));
	expect_mapped(*table, 10, 110, 5);
	expect_mapped(*table, 15, 200, 5);
}

TEST(ExceptionTable, highest_chunk_numbers_are_kept)
{
	for (const uint64_t new_limit : {narrow, narrow + 1, UINT64_MAX}) {
		auto table = make_table(new_limit);
		load(*table, run(UINT64_MAX - 2, new_limit - 2, 2));
		load(*table, run(0, 0, ExceptionTable::run_limit));
		expect_mapped(*table, UINT64_MAX - 1, new_limit - 1, 1);
		expect_unmapped(*table, UINT64_MAX, UINT64_MAX);
		expect_mapped(*table, 1, 1, ExceptionTable::run_limit - 1);
	}
}

TEST(ExceptionTable, run_extends_past_the_former_beginning_of_the_next_leaf)
{
	constexpr uint64_t far = uint64_t{1} << 33;
	auto table = make_table(narrow);
	load(*table, run(5, 1));
	load(*table, run(far + 1000, 2));
	load(*table, run(far - 10, 100, 500));
	load(*table, run(far + 600, 3));
	expect_mapped(*table, far - 1, 109, 491);
	expect_mapped(*table, far, 110, 490);
	expect_mapped(*table, far + 489, 599, 1);
	expect_unmapped(*table, far + 490, 110);
	expect_mapped(*table, far + 600, 3, 1);
}

TEST(ExceptionTable, refuses_a_run_that_is_mapped_in_part)
{
	auto table = make_table(narrow);
	load(*table, run(100, 50, 20));
	for (const dmsnap::Run &bad :
	     {run(119, 1000, 5), run(95, 1000, 6), run(105, 1000), run(90, 1000, 99)}) {
		user::FailureCapture failures;
		load(*table, bad);
		EXPECT_TRUE(failures.saw("disjoint"));
	}
	EXPECT_EQ(table->chunks(), 20u);
	expect_unmapped(*table, 0, 100);
	expect_mapped(*table, 100, 50, 20);
}

TEST(ExceptionTable, refuses_new_chunks_beyond_its_limit)
{
	auto table = make_table(1000);
	load(*table, run(0, 990, 10));
	user::FailureCapture failures;
	load(*table, run(500, 999, 2));
	EXPECT_TRUE(failures.saw("in_range"));
	EXPECT_EQ(table->chunks(), 10u);
}

TEST(ExceptionTable, all_is_found_after_a_full_node_was_split_at_any_place)
{
	for (const uint64_t leaf : {uint64_t{0}, root_children / 2 - 2, root_children / 2 - 1,
				    root_children / 2, root_children / 2 + 1, root_children - 1}) {
		auto table = table_of_full_leaves(root_children);
		const uint64_t between = (leaf * leaf_slots + leaf_slots / 2) * 4 + 2;
		load(*table, run(between, 7));
		expect_mapped(*table, between, 7, 1);
		uint64_t wrong = 0;
		for (uint64_t i = 0; i < root_children * leaf_slots; ++i) {
			const Mapping mapping = table->find({4 * i}, 1);
			wrong += !mapping.mapped || mapping.new_begin.value != i;
		}
		EXPECT_EQ(wrong, 0u) << "leaf " << leaf;
	}
}

} // namespace
} // namespace dmsnap
