// SPDX-License-Identifier: GPL-2.0-only
/* ExceptionTable compared with a std::map: runs are inserted in many orders. */
#include <functional>
#include <vector>

#include <gtest/gtest.h>

#include "support/seed.hpp"
#include "unit/exception/table_model.hpp"
#include "user/memory.hpp"
#include "user/random.hpp"

namespace dmsnap {
namespace {

using namespace test;
using user::Memory;
using user::Random;

/*
 * Inserts the runs that @next proposes, with several reservations at a time.  No page can be
 * allocated during an insert.
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

} // namespace
} // namespace dmsnap
