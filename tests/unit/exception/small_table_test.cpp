// SPDX-License-Identifier: GPL-2.0-only
/*
 * ExceptionTable with small nodes: all ways to empty some leaves and to insert a run there, and
 * long random sequences in trees of several levels.  The results of find() are compared, and the
 * tree itself is checked.
 */
#include <algorithm>
#include <array>
#include <numeric>
#include <span>
#include <sstream>
#include <vector>

#include "support/seed.hpp"
#include "support/small_table.hpp"
#include "unit/exception/table_model.hpp"
#include "user/memory.hpp"
#include "user/random.hpp"

namespace dmsnap::test {
namespace {

using user::Memory;
using user::Random;

/* The chunks [begin, end). */
struct Stretch {
	uint64_t begin;
	uint64_t end;

	uint64_t count() const { return end - begin; }
};

/* All non-empty stretches in [@begin, @end) that begin and end at multiples of @step. */
std::vector<Stretch> stretches(uint64_t begin, uint64_t end, uint64_t step)
{
	std::vector<Stretch> all;
	for (uint64_t from = begin; from < end; from += step)
		for (uint64_t to = from + step; to <= end; to += step)
			all.push_back({from, to});
	return all;
}

/* The order in which the initial chunks are inserted. */
enum class Fill { odd_last, ascending, loaded };

/* Fewer of them under the sanitizers. */
std::span<const Fill> some_of(std::span<const Fill> fills)
{
	return fills.first(thinned(fills.size()));
}

std::vector<uint64_t> order_of(Fill fill, uint64_t chunks)
{
	std::vector<uint64_t> order(chunks);
	std::iota(order.begin(), order.end(), 0);
	if (fill == Fill::odd_last)
		std::stable_partition(order.begin(), order.end(),
				      [](uint64_t chunk) { return chunk % 2 == 0; });
	return order;
}

/* A table that maps all chunks in [0, chunks) at first.  No two of them form a run. */
template <typename Sizes> class Small {
public:
	static constexpr uint64_t chunks = 24;

	explicit Small(Fill fill) : fill_(fill)
	{
		for (uint64_t chunk : order_of(fill, chunks)) {
			if (fill == Fill::loaded)
				EXPECT_TRUE(loader_.add({chunk}, {100 + 2 * chunk}));
			else
				insert({chunk, chunk + 1}, 100 + 2 * chunk);
			news_[chunk] = 100 + 2 * chunk;
		}
		EXPECT_TRUE(fill != Fill::loaded || loader_.finish());
		history_.clear();
	}

	bool is_free(Stretch stretch) const
	{
		return std::all_of(news_ + stretch.begin, news_ + stretch.end,
				   [](uint64_t chunk) { return chunk == 0; });
	}

	void insert(Stretch stretch, uint64_t new_begin)
	{
		history_.push_back({'+', stretch, new_begin});
		EXPECT_TRUE(table_->reserve(DMSNAP_ALLOC_CONSTRUCT));
		table_->insert({{stretch.begin}, {new_begin}, stretch.count()});
		std::iota(news_ + stretch.begin, news_ + stretch.end, new_begin);
	}

	/* Erases the chunks of @stretch that are mapped. */
	void erase(Stretch stretch)
	{
		history_.push_back({'-', stretch, 0});
		for (uint64_t begin = stretch.begin, end; begin < stretch.end; begin = end) {
			end = begin + 1;
			if (!news_[begin])
				continue;
			while (end < stretch.end && news_[end])
				end++;
			EXPECT_TRUE(table_->reserve(DMSNAP_ALLOC_CONSTRUCT));
			table_->erase({begin}, end - begin);
		}
		std::fill(news_ + stretch.begin, news_ + stretch.end, 0);
	}

	/* Is the result of find() right for each chunk, and the tree consistent? */
	testing::AssertionResult right() const
	{
		uint64_t next_mapped = 0;
		uint64_t run_end = 0;
		for (uint64_t chunk = chunks; chunk-- > 0;) {
			const Mapping mapping = table_->find({chunk}, UINT64_MAX);
			const bool mapped = news_[chunk] != 0;
			if (mapped) {
				next_mapped = chunk;
				if (chunk + 1 == chunks || news_[chunk + 1] != news_[chunk] + 1)
					run_end = chunk + 1;
			}
			/* A gap that nothing follows has no end. */
			const uint64_t end = mapped ? run_end : next_mapped;
			const uint64_t max = end ? end - chunk : UINT64_MAX;
			if (mapping.mapped != mapped || mapping.count == 0 || mapping.count > max ||
			    (mapped && mapping.new_begin.value != news_[chunk]))
				return failure()
				       << "chunk " << chunk << ": "
				       << (mapping.mapped ? "mapped to " : "not mapped ")
				       << mapping.new_begin.value << ", " << mapping.count;
		}
		const std::string wrong = TreeCheck<Sizes>(*table_).run();
		if (!wrong.empty())
			return failure() << wrong;
		return testing::AssertionSuccess();
	}

private:
	struct Step {
		char what;
		Stretch stretch;
		uint64_t new_begin;
	};

	testing::AssertionResult failure() const
	{
		std::ostringstream text;
		text << "fill " << static_cast<int>(fill_) << ", ";
		for (const Step &step : history_)
			text << step.what << step.stretch.begin << ".." << step.stretch.end - 1
			     << (step.new_begin ? " to " + std::to_string(step.new_begin) : "")
			     << ", ";
		return testing::AssertionFailure() << text.str();
	}

	Fill fill_;
	Owned<BasicExceptionTable<Sizes>> table_ = make_table<Sizes>(narrow);
	BasicTableLoader<Sizes> loader_{*table_, chunks};
	/* The new chunk of each chunk; 0: not mapped. */
	uint64_t news_[chunks] = {};
	std::vector<Step> history_;
};

template <typename Sizes> class SmallTable : public testing::Test {
};
using AllSizes = testing::Types<Smallest, Even, Short>;

struct SizeNames {
	template <typename Sizes> static std::string GetName(int)
	{
		return std::is_same_v<Sizes, Smallest> ? "smallest"
		       : std::is_same_v<Sizes, Even>   ? "even"
						       : "short";
	}
};
TYPED_TEST_SUITE(SmallTable, AllSizes, SizeNames);

/* Afterwards the rest of the gap is filled chunk by chunk, and everything is erased. */
TYPED_TEST(SmallTable, takes_any_run_over_any_stretch_that_was_emptied)
{
	using Table = Small<TypeParam>;
	constexpr uint64_t limit = BasicExceptionTable<TypeParam>::run_limit;

	static constexpr std::array fills{Fill::odd_last, Fill::ascending, Fill::loaded};
	for (Fill fill : some_of(fills)) {
		for (Stretch gap : stretches(0, Table::chunks, 1)) {
			for (Stretch run : stretches(gap.begin, gap.end, 1)) {
				if (run.count() > limit)
					continue;
				Table table(fill);
				table.erase(gap);
				table.insert(run, 1000 + run.begin);
				ASSERT_TRUE(table.right());
				for (uint64_t chunk = gap.begin; chunk < gap.end; chunk++)
					if (chunk < run.begin || chunk >= run.end)
						table.insert({chunk, chunk + 1}, 1000 + chunk);
				ASSERT_TRUE(table.right());
				table.erase({0, Table::chunks});
				ASSERT_TRUE(table.right());
			}
		}
	}
}

/* The second run meets the separators that the first one left. */
TYPED_TEST(SmallTable, takes_any_two_runs_over_stretches_that_were_emptied)
{
	using Table = Small<TypeParam>;
	constexpr uint64_t limit = BasicExceptionTable<TypeParam>::run_limit;
	constexpr uint64_t step = 4;

	static constexpr std::array fills{Fill::odd_last, Fill::ascending};
	for (Fill fill : some_of(fills)) {
		for (Stretch gap : stretches(0, Table::chunks, step)) {
			for (Stretch run : stretches(gap.begin, gap.end, step)) {
				for (Stretch gap_2 : stretches(0, Table::chunks, step)) {
					for (Stretch run_2 :
					     stretches(gap_2.begin, gap_2.end, step)) {
						if (run.count() > limit || run_2.count() > limit)
							continue;
						Table table(fill);
						table.erase(gap);
						table.insert(run, 1000 + run.begin);
						table.erase(gap_2);
						table.insert(run_2, 2000);
						ASSERT_TRUE(table.right());
					}
				}
			}
		}
	}
}

/* Inserts and erases clusters; no memory can be allocated during a change. */
template <typename Sizes> void compare_long(uint64_t seed, uint64_t new_limit)
{
	constexpr uint64_t old_limit = 1500;
	Random random(seed);
	BasicModel<Sizes> model(new_limit);
	uint64_t new_chunk = 10'000;
	auto reserve = [&] {
		ASSERT_TRUE(model.table().reserve(DMSNAP_ALLOC_NOWAIT));
		Memory::instance().fail_nowait_from(0);
	};
	auto insert = [&](uint64_t begin, uint64_t count) {
		/* New chunks that continue those of its neighbours, or not. */
		const uint64_t to = random.one_in(2) ? begin : new_chunk += 100;
		Run run = model.free_part({{begin}, {to}, count});
		if (run.count == 0)
			return;
		reserve();
		model.insert(run);
		Memory::instance().fail_nothing();
	};
	auto erase = [&](uint64_t begin, uint64_t end) {
		for (;;) {
			Run part = model.mapped_part(begin, end - begin);
			if (part.count == 0 || part.old_begin.value >= end)
				return;
			part.count = std::min(part.count, end - part.old_begin.value);
			reserve();
			model.erase(part.old_begin.value, part.count);
			Memory::instance().fail_nothing();
		}
	};

	for (int round = 0; round < 60; round++) {
		const uint64_t begin = random.below(old_limit);
		const uint64_t width = 1 + random.below(random.one_in(3) ? 400 : 60);
		switch (random.below(4)) {
		case 0: /* Narrow leaves. */
			for (uint64_t i = 0; i < width; i++)
				insert(begin + random.below(width), 1);
			break;
		case 1:
			for (uint64_t i = 0; i < 10; i++)
				insert(begin + random.below(width), 1 + random.below(4));
			break;
		case 2:
			erase(begin, begin + width);
			break;
		default: {
			const uint64_t limit = BasicExceptionTable<Sizes>::run_limit;
			erase(begin, begin + width);
			for (uint64_t i = 0; i < 5; i++)
				insert(begin + random.below(width),
				       1 + random.below(std::min(width, limit)));
		}
		}
		if (testing::Test::HasFailure())
			return;
		ASSERT_EQ(TreeCheck<Sizes>(model.table()).run(), "");
		model.check_all();
	}
	EXPECT_GE(TreeCheck<Sizes>(model.table()).inner_levels(), 3u);
}

TYPED_TEST(SmallTable, agrees_with_a_map_in_trees_of_three_inner_levels)
{
	for_seeds(40,
		  [](uint64_t seed) { compare_long<TypeParam>(seed, seed % 2 ? narrow : wide); });
}

} // namespace
} // namespace dmsnap::test
