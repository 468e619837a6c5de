// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages of ExceptionTable, and those that it keeps for reservations.
 */
#include <gtest/gtest.h>

#include "support/seed.hpp"
#include "unit/exception/full_leaves.hpp"
#include "unit/exception/table_model.hpp"
#include "user/memory.hpp"
#include "user/random.hpp"

namespace dmsnap {
namespace {

using namespace test;
using user::Memory;
using user::Random;

double bytes_each(const ExceptionTable &table)
{
	return static_cast<double>(table.pages()) * DMSNAP_PAGE_SIZE /
	       static_cast<double>(table.chunks());
}

/* The budget is 12 bytes; 9.6 were measured. */
TEST(ExceptionTableMemory, isolated_exceptions_take_less_than_10_and_a_half_bytes)
{
	const uint64_t count = 10 * steps();
	test::for_seeds(1, [&](uint64_t seed) {
		Random random(seed);
		auto table = make_table(narrow);
		while (table->chunks() < count) {
			/* New chunks are two apart, so no chunks form a run. */
			const uint64_t chunk = random.below(64 * count);
			if (!table->find({chunk}, 1).mapped)
				load(*table, run(chunk, 2 * table->chunks()));
		}
		EXPECT_LE(bytes_each(*table), 10.5);
	});
}

TEST(ExceptionTableMemory, ascending_and_descending_leave_full_leaves)
{
	const uint64_t count = 5 * steps();
	auto ascending = make_table(narrow);
	auto descending = make_table(narrow);
	for (uint64_t i = 0; i < count; ++i) {
		load(*ascending, run(2 * i, i));
		load(*descending, run(2 * (count - i), i));
	}
	const auto spare = static_cast<double>((ExceptionTable::held_back + 8) * DMSNAP_PAGE_SIZE) /
			   static_cast<double>(count);
	EXPECT_LE(bytes_each(*ascending), 8.2 + spare);
	EXPECT_LE(bytes_each(*descending), 8.2 + spare);
}

TEST(ExceptionTableMemory, run_takes_no_page_however_long)
{
	auto table = make_table(narrow);
	const size_t pages = table->pages();
	for (uint64_t i = 0; i < 5 * steps(); ++i)
		load(*table, run(1000 + i, 5000 + i));
	EXPECT_EQ(table->pages(), pages);
	expect_mapped(*table, 1000, 5000, 5 * steps());
}

TEST(ExceptionTableMemory, chunks_below_a_lonely_one_share_a_page)
{
	constexpr uint64_t far = uint64_t{1} << 40;
	auto table = make_table(narrow);
	load(*table, run(5, 1));
	const size_t pages = table->pages();
	for (uint64_t i = 0; i < 500; ++i)
		load(*table, run(far + 1'000'000 - 2 * i, 10 + i));
	EXPECT_LE(table->pages(), pages + 8);
}

TEST(ExceptionTableMemory, all_pages_go_with_the_table)
{
	const size_t outstanding = Memory::instance().outstanding();
	{
		auto table = make_table(narrow);
		for (uint64_t i = 0; i < 300'000; ++i)
			load(*table, run(2 * i, i));
		EXPECT_EQ(Memory::instance().outstanding(), outstanding + 1 + table->pages());
	}
	EXPECT_EQ(Memory::instance().outstanding(), outstanding);
}

TEST(ExceptionTableMemory, create_fails_cleanly_wherever_memory_ends)
{
	const size_t outstanding = Memory::instance().outstanding();
	for (uint64_t n = 0;; ++n) {
		ASSERT_LT(n, 1000u);
		Memory::instance().fail_construct_at(n);
		auto table = ExceptionTable::create(narrow);
		Memory::instance().fail_nothing();
		if (table)
			break;
		EXPECT_EQ(table.error(), Error::no_memory);
		EXPECT_EQ(Memory::instance().outstanding(), outstanding);
	}
}

TEST(ExceptionTableReserve, first_reservation_succeeds_without_memory_and_a_second_does_not)
{
	auto table = make_table(narrow);
	Memory::instance().fail_nowait_from(0);
	ASSERT_TRUE(table->reserve(DMSNAP_ALLOC_NOWAIT));
	EXPECT_FALSE(table->reserve(DMSNAP_ALLOC_NOWAIT));
	table->insert(run(1, 1));
	EXPECT_TRUE(table->reserve(DMSNAP_ALLOC_NOWAIT));
	Memory::instance().fail_nothing();
	EXPECT_TRUE(table->reserve(DMSNAP_ALLOC_NOWAIT));
	table->unreserve();
	table->unreserve();
}

TEST(ExceptionTableReserve, held_back_pages_carry_thousands_of_inserts_one_after_another)
{
	auto table = make_table(narrow);
	Memory::instance().fail_nowait_from(0);
	Random random(1);
	uint64_t inserts = 0;
	while (table->reserve(DMSNAP_ALLOC_NOWAIT)) {
		uint64_t chunk;
		do
			chunk = random.below(1 << 28);
		while (table->find({chunk}, 1).mapped);
		table->insert(run(chunk, 2 * inserts++));
	}
	EXPECT_GE(inserts, 8000u);

	Memory::instance().fail_nothing();
	EXPECT_TRUE(table->reserve(DMSNAP_ALLOC_NOWAIT));
	table->unreserve();
}

TEST(ExceptionTableReserve, reservations_suffice_when_every_insert_hits_a_full_leaf)
{
	constexpr uint64_t leaves = 700;
	auto table = table_of_full_leaves(leaves);
	const size_t pages = table->pages();
	for (uint64_t i = 0; i < leaves; ++i)
		ASSERT_TRUE(table->reserve(DMSNAP_ALLOC_NOWAIT));
	Memory::instance().fail_nowait_from(0);
	for (uint64_t i = 0; i < leaves; ++i)
		table->insert(run((i * leaf_slots + leaf_slots / 2) * 4 + 2, i));
	Memory::instance().fail_nothing();
	/* Proof that they were full: a split makes room in two other leaves at most. */
	EXPECT_GE(table->pages(), pages + leaves / 4);
}

/* A leaf, its parent and the root may all be full when the last pages are taken. */
TEST(ExceptionTableReserve, held_back_pages_suffice_for_a_tree_that_grows_higher)
{
	for (uint64_t left = 0; left <= ExceptionTable::held_back + 4; ++left) {
		const uint64_t leaves = root_children - left;
		auto table = table_of_full_leaves(leaves);
		Memory::instance().fail_nowait_from(0);
		uint64_t i = leaves * leaf_slots;
		for (; table->reserve(DMSNAP_ALLOC_NOWAIT); ++i)
			table->insert(run(4 * i, i));
		Memory::instance().fail_nothing();
		EXPECT_EQ(table->chunks(), i);
		EXPECT_GE(i, (leaves + ExceptionTable::held_back - 3) * leaf_slots);
	}
}

TEST(ExceptionTableReserve, reservations_given_back_give_their_pages_back)
{
	auto table = make_table(narrow);
	const size_t pages = table->pages();
	for (int i = 0; i < 1000; ++i)
		ASSERT_TRUE(table->reserve(DMSNAP_ALLOC_NOWAIT));
	EXPECT_GE(table->pages(), pages + 900);
	for (int i = 0; i < 1000; ++i)
		table->unreserve();
	EXPECT_LE(table->pages(), pages + 4 * ExceptionTable::held_back);
	table->trim();
	EXPECT_LE(table->pages(), pages);
}

/* It keeps as many pages as were in use last. */
TEST(ExceptionTableReserve, inserts_by_the_dozen_get_no_new_pages)
{
	auto table = make_table(narrow);
	size_t pages = 0;
	for (uint64_t round = 0; round < 4; ++round) {
		for (int i = 0; i < 32; ++i)
			ASSERT_TRUE(table->reserve(DMSNAP_ALLOC_NOWAIT));
		pages = round == 0 ? table->pages() : pages;
		EXPECT_EQ(table->pages(), pages);
		for (uint64_t i = 0; i < 32; ++i)
			table->insert(run(2 * (32 * round + i), 32 * round + i));
		EXPECT_EQ(table->pages(), pages);
	}
}

} // namespace
} // namespace dmsnap
