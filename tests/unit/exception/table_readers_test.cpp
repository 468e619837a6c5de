// SPDX-License-Identifier: GPL-2.0-only
/* Readers of ExceptionTable in threads beside its writer. */
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "support/small_table.hpp"
#include "unit/exception/table_model.hpp"
#include "user/random.hpp"

namespace dmsnap {
namespace {

using namespace test;
using user::Random;

/*
 * One writer, and two readers that stay in the same few leaves.  Runs of 4 chunks are inserted at
 * multiples of 8, in scattered order; new = old + 1 everywhere.  Then all are erased, and at last
 * runs are inserted that span the remaining leaves.
 */
template <typename Sizes> class Race {
public:
	static constexpr uint64_t runs = 4000;

	/* Fails if a reader gets a wrong result. */
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
			/* The middle goes first, which splits the run. */
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

	/* Chunks that are not being erased yet are mapped; chunks erased before are not. */
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

	/* As wide as four of the first runs and their gaps. */
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

/* Small nodes make a tree of many levels, in which most changes affect several leaves. */
TEST(ExceptionTableReaders, find_the_same_in_small_nodes)
{
	for (uint64_t round = 0; round < 4; ++round)
		Race<Even>().run_once(round);
}

} // namespace
} // namespace dmsnap
