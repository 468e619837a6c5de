// SPDX-License-Identifier: GPL-2.0-only
/*
 * ExceptionTable against a std::map, its memory, its reservations, and readers
 * beside a writer.
 */
#include "exception/exception_table.hpp"

#include <atomic>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "exception/node.hpp"
#include "support/seed.hpp"
#include "support/small_table.hpp"
#include "unit/exception/table_model.hpp"
#include "user/failure.hpp"
#include "user/memory.hpp"
#include "user/random.hpp"

namespace dmsnap {
namespace {

using namespace test;
using user::Memory;
using user::Random;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t usual_steps = 20'000;
#else
constexpr uint64_t usual_steps = 200'000;
#endif

/* Inserts for each pattern of a model test; the others are scaled alike. */
uint64_t steps()
{
	const char *given = std::getenv("DMSNAP_TEST_STEPS");
	return given ? std::strtoull(given, nullptr, 0) : usual_steps;
}

/*
 * Inserts the runs that @next proposes, several reservations at a time, while
 * no page can be allocated.
 */
void compare(uint64_t new_limit, const std::function<Run(Random &)> &next)
{
	test::for_seeds(1, [&](uint64_t seed) {
		Random random(seed);
		Model model(new_limit);
		uint64_t inserted = 0;
		for (uint64_t step = 0; step < 4 * steps() && inserted < steps();) {
			const uint64_t batch = 1 + random.below(random.one_in(50) ? 2000 : 8);
			for (uint64_t i = 0; i < batch; ++i)
				ASSERT_TRUE(model.table().reserve(DMSNAP_ALLOC_NOWAIT));
			Memory::instance().fail_nowait_from(0);
			for (uint64_t i = 0; i < batch; ++i, ++step) {
				const Run run = model.free_part(next(random));
				if (run.count > 0)
					model.insert(run);
				else
					model.table().unreserve();
				inserted += run.count;
			}
			Memory::instance().fail_nothing();
			if (testing::Test::HasFatalFailure())
				return;
		}
		model.check_all();
	});
}

/* COW chunks in the order in which an allocator returns them. */
class NewChunks {
public:
	uint64_t take(uint64_t count) { return std::exchange(next_, next_ + count); }

private:
	uint64_t next_ = 3;
};

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

constexpr uint64_t leaf_slots = detail::Leaf<uint32_t, PageSizes>::capacity;
constexpr uint64_t root_children = detail::Inner<PageSizes>::capacity;

/* Chunk 4 * i is mapped to i. */
Owned<ExceptionTable> table_of_full_leaves(uint64_t leaves)
{
	auto table = make_table(narrow);
	for (uint64_t i = 0; i < leaves * leaf_slots; ++i)
		load(*table, run(4 * i, i));
	return table;
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

TEST(ExceptionTableModel, uniform)
{
	NewChunks chunks;
	compare(narrow, [&](Random &random) {
		return run(random.below(uint64_t{1} << 24), chunks.take(1));
	});
}

TEST(ExceptionTableModel, uniform_with_wide_new_chunks)
{
	compare(wide, [&](Random &random) {
		return run(random.below(uint64_t{1} << 22), random.below(wide));
	});
}

TEST(ExceptionTableModel, uniform_runs)
{
	NewChunks chunks;
	compare(narrow, [&](Random &random) {
		const uint64_t count = 1 + random.below(20);
		return run(random.below(uint64_t{1} << 22), chunks.take(count), count);
	});
}

TEST(ExceptionTableModel, all_join_until_one_run_is_left)
{
	compare(narrow, [&](Random &random) {
		const uint64_t chunk = random.below(steps() / 2);
		return run(chunk, chunk + 77, 1 + random.below(3));
	});
}

/*
 * Inserts and erases in turn, as a merge does and worse: any stretch of what is
 * mapped is erased, also the middle of a run, while no page can be allocated.
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
			/* Down to nothing, from a random place on each time. */
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

/* Nothing is known of what follows it. */
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

TEST(ExceptionTableModel, ascending)
{
	NewChunks chunks;
	uint64_t old_chunk = 0;
	compare(narrow, [&](Random &random) {
		old_chunk += 1 + random.below(5);
		return run(old_chunk, chunks.take(1));
	});
}

TEST(ExceptionTableModel, descending)
{
	NewChunks chunks;
	uint64_t old_chunk = narrow;
	compare(narrow, [&](Random &random) {
		const uint64_t count = 1 + random.below(4);
		old_chunk -= count + random.below(2);
		return run(old_chunk, chunks.take(count), count);
	});
}

TEST(ExceptionTableModel, descending_over_windows)
{
	NewChunks chunks;
	uint64_t old_chunk = uint64_t{1} << 50;
	compare(wide, [&](Random &random) {
		old_chunk -= 3 + random.below(uint64_t{1} << 26);
		return run(old_chunk, chunks.take(3), 1 + random.below(3));
	});
}

TEST(ExceptionTableModel, streams_interleaved)
{
	NewChunks chunks;
	std::vector<uint64_t> streams;
	for (uint64_t i = 0; i < 37; ++i)
		streams.push_back(i << 20);
	compare(narrow, [&](Random &random) {
		uint64_t &stream = streams[random.below(streams.size())];
		const uint64_t count = 1 + random.below(8);
		const uint64_t old_begin = stream;
		stream += count + 2 * random.below(2);
		return run(old_begin, chunks.take(count), count);
	});
}

TEST(ExceptionTableModel, clustered)
{
	NewChunks chunks;
	uint64_t centre = 0;
	compare(narrow, [&](Random &random) {
		if (random.one_in(500))
			centre = random.below(uint64_t{1} << 36);
		const uint64_t count = 1 + random.below(3);
		return run(centre + random.below(3000), chunks.take(count), count);
	});
}

TEST(ExceptionTableModel, around_window_borders)
{
	NewChunks chunks;
	compare(narrow, [&](Random &random) {
		const uint64_t border = (1 + random.below(12)) * ExceptionTable::run_limit;
		const uint64_t count = 1 + random.below(30);
		return run(border - 30000 + random.below(60000), chunks.take(count), count);
	});
}

TEST(ExceptionTableModel, sparse)
{
	NewChunks chunks;
	compare(wide, [&](Random &random) {
		const uint64_t shift = random.below(50);
		const uint64_t count = 1 + random.below(4);
		return run(random.next() >> (14 + shift), chunks.take(count), count);
	});
}

double bytes_each(const ExceptionTable &table)
{
	return static_cast<double>(table.pages()) * DMSNAP_PAGE_SIZE /
	       static_cast<double>(table.chunks());
}

/* The budget is 12; 9.6 is measured. */
TEST(ExceptionTableMemory, isolated_exceptions_take_less_than_10_and_a_half_bytes)
{
	const uint64_t count = 10 * steps();
	test::for_seeds(1, [&](uint64_t seed) {
		Random random(seed);
		auto table = make_table(narrow);
		while (table->chunks() < count) {
			/* New chunks two apart: none joins. */
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
	/* They were full indeed: splitting one gives room to both its neighbours at most. */
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

/* As many pages as were needed just now will be needed again. */
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

/*
 * One writer and two readers that stay at the writer's few leaves.  Runs
 * of 4 at multiples of 8, in a scattered order; new = old + 1 everywhere.
 * Then all are erased, and finally runs are inserted that span the remaining leaves.
 */
template <typename Sizes> class Race {
public:
	static constexpr uint64_t runs = 4000;

	/* Counts wrong answers. */
	void run_once(uint64_t seed)
	{
		std::thread first(&Race::read, this, 2 * seed);
		std::thread second(&Race::read, this, 2 * seed + 1);
		while (readers_.load() < 2)
			std::this_thread::yield();
		for (uint64_t i = 0; i < runs; ++i) {
			load(*table_, run(old_begin(i), old_begin(i) + 1, 4));
			inserted_.store(i + 1);
		}
		first.join();
		second.join();
		EXPECT_EQ(table_->chunks(), 4 * runs);

		std::thread third(&Race::read_what_goes, this, seed);
		for (uint64_t i = 0; i < runs; ++i) {
			ASSERT_TRUE(table_->reserve(DMSNAP_ALLOC_CONSTRUCT));
			/* The middle first, so that runs are split too. */
			table_->erase({old_begin(i) + 1}, 2);
			ASSERT_TRUE(table_->reserve(DMSNAP_ALLOC_CONSTRUCT));
			table_->erase({old_begin(i)}, 1);
			ASSERT_TRUE(table_->reserve(DMSNAP_ALLOC_CONSTRUCT));
			table_->erase({old_begin(i) + 3}, 1);
			erased_.store(i + 1);
		}
		third.join();
		EXPECT_EQ(table_->chunks(), 0u);

		std::thread fourth(&Race::read_what_reaches_over, this, seed);
		for (uint64_t i = 0; i < runs / 4; ++i) {
			load(*table_, run(wide_begin(i), wide_begin(i) + 1, wide_count));
			covered_.store(i + 1);
		}
		fourth.join();
		EXPECT_EQ(wrong_.load(), 0u);
	}

private:
	static uint64_t old_begin(uint64_t i) { return 8 * (i * 1637 % runs); }

	void read(uint64_t seed)
	{
		Random random(seed);
		++readers_;
		for (uint64_t before = 0; before < runs;) {
			before = inserted_.load();
			const bool there = before > 0 && !random.one_in(3);
			const uint64_t i = random.below(there ? before : runs);
			const uint64_t into = random.below(4);
			const uint64_t chunk = old_begin(i) + into;
			const Mapping mapping = table_->find({chunk}, 8);
			if (mapping.mapped)
				wrong_ += mapping.new_begin.value != chunk + 1 ||
					  mapping.count != 4 - into;
			else
				wrong_ += there ||
					  (mapping.count < 8 && (chunk + mapping.count) % 8 != 0);
			const Mapping gap = table_->find({old_begin(i) + 4}, 4);
			wrong_ += gap.mapped || gap.count != 4;
		}
	}

	/* What is not yet being erased is mapped, what was erased before is not. */
	void read_what_goes(uint64_t seed)
	{
		Random random(seed);
		for (uint64_t before = 0; before < runs;) {
			before = erased_.load();
			const uint64_t i = random.below(runs);
			const uint64_t into = random.below(4);
			const Mapping mapping = table_->find({old_begin(i) + into}, 8);
			const uint64_t after = erased_.load();
			if (i < before)
				wrong_ += mapping.mapped;
			else if (i > after)
				wrong_ += !mapping.mapped || mapping.count != 4 - into ||
					  mapping.new_begin.value != old_begin(i) + into + 1;
		}
	}

	/* As wide as four of the first together. */
	static constexpr uint64_t wide_count = 32;
	static uint64_t wide_begin(uint64_t i) { return wide_count * (i * 397 % (runs / 4)); }

	void read_what_reaches_over(uint64_t seed)
	{
		Random random(seed);
		for (uint64_t before = 0; before < runs / 4;) {
			before = covered_.load();
			const uint64_t i = random.below(runs / 4);
			const uint64_t chunk = wide_begin(i) + random.below(wide_count);
			const Mapping mapping = table_->find({chunk}, 8);
			const uint64_t after = covered_.load();
			wrong_ += mapping.mapped ? mapping.new_begin.value != chunk + 1 || i > after
						 : i < before;
		}
	}

	Owned<BasicExceptionTable<Sizes>> table_ = make_table<Sizes>(narrow);
	std::atomic<uint64_t> erased_ = 0;
	std::atomic<uint64_t> covered_ = 0;
	std::atomic<int> readers_ = 0;
	std::atomic<uint64_t> inserted_ = 0;
	std::atomic<uint64_t> wrong_ = 0;
};

TEST(ExceptionTableReaders, find_what_was_inserted_before_and_never_half_of_it)
{
	for (uint64_t round = 0; round < 3 * steps() / Race<PageSizes>::runs; ++round)
		Race<PageSizes>().run_once(round);
}

/* In a tree of many levels, where most changes are to more than one leaf. */
TEST(ExceptionTableReaders, find_the_same_in_small_nodes)
{
	for (uint64_t round = 0; round < 4; ++round)
		Race<Even>().run_once(round);
}

} // namespace
} // namespace dmsnap
