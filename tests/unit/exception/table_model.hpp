// SPDX-License-Identifier: GPL-2.0-only
/* ExceptionTable compared with a std::map. */
#pragma once

#include <cstdlib>
#include <map>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "exception/exception_table.hpp"
#include "exception/table_loader.hpp"

namespace dmsnap::test {

constexpr uint64_t narrow = uint64_t{1} << 32;
constexpr uint64_t wide = uint64_t{1} << 40;

template <typename Sizes = PageSizes>
Owned<BasicExceptionTable<Sizes>> make_table(uint64_t new_limit)
{
	auto table = BasicExceptionTable<Sizes>::create(new_limit);
	EXPECT_TRUE(table);
	return table ? std::move(*table) : Owned<BasicExceptionTable<Sizes>>();
}

inline Run run(uint64_t old_begin, uint64_t new_begin, uint64_t count = 1)
{
	return {{old_begin}, {new_begin}, count};
}

template <typename Sizes> void load(BasicExceptionTable<Sizes> &table, const Run &run)
{
	ASSERT_TRUE(table.reserve(DMSNAP_ALLOC_CONSTRUCT));
	table.insert(run);
}

template <typename Sizes>
void expect_mapped(const BasicExceptionTable<Sizes> &table, uint64_t chunk, uint64_t new_chunk,
		   uint64_t count)
{
	const Mapping mapping = table.find({chunk}, UINT64_MAX);
	EXPECT_TRUE(mapping.mapped) << "chunk " << chunk;
	EXPECT_EQ(mapping.new_begin.value, new_chunk) << "chunk " << chunk;
	EXPECT_EQ(mapping.count, count) << "chunk " << chunk;
}

template <typename Sizes>
void expect_unmapped(const BasicExceptionTable<Sizes> &table, uint64_t chunk, uint64_t count)
{
	const Mapping mapping = table.find({chunk}, UINT64_MAX);
	EXPECT_FALSE(mapping.mapped) << "chunk " << chunk;
	EXPECT_EQ(mapping.count, count) << "chunk " << chunk;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t usual_steps = 20'000;
#else
constexpr uint64_t usual_steps = 200'000;
#endif

/* The number of inserts of each pattern; other counts are scaled with it. */
inline uint64_t steps()
{
	const char *given = std::getenv("DMSNAP_TEST_STEPS");
	return given ? std::strtoull(given, nullptr, 0) : usual_steps;
}

/* COW chunks in the order in which an allocator returns them. */
class NewChunks {
public:
	uint64_t take(uint64_t count) { return std::exchange(next_, next_ + count); }

private:
	uint64_t next_ = 3;
};

struct TableEntry {
	OldChunk old_chunk;
	NewChunk new_chunk;
};

/* The table, and a map with the same contents. */
template <typename Sizes> class BasicModel {
public:
	using Table = BasicExceptionTable<Sizes>;

	explicit BasicModel(uint64_t new_limit) : table_(make_table<Sizes>(new_limit)) {}

	Table &table() { return *table_; }

	/* The first unmapped part of @wanted; its count is 0 if there is none. */
	Run free_part(Run wanted) const
	{
		auto after = chunks_.lower_bound(wanted.old_begin.value);
		if (after != chunks_.end() && after->first < wanted.old_end().value)
			wanted.count = after->first - wanted.old_begin.value;
		return wanted;
	}

	/* Fills the empty table with distinct exceptions in any order. */
	void load(const std::vector<TableEntry> &entries, uint64_t old_limit)
	{
		BasicTableLoader<Sizes> loader(*table_, old_limit);
		for (const auto &entry : entries) {
			ASSERT_TRUE(loader.add(entry.old_chunk, entry.new_chunk));
			chunks_.emplace(entry.old_chunk.value, entry.new_chunk.value);
		}
		ASSERT_EQ(table_->chunks(), 0u);
		ASSERT_TRUE(loader.finish());
	}

	/* Uses a reservation of the table. */
	void insert(const Run &run)
	{
		table_->insert(run);
		for (uint64_t i = 0; i < run.count; ++i)
			chunks_.emplace_hint(chunks_.end(), run.old_begin.value + i,
					     run.new_begin.value + i);
		check(run.old_begin.value);
		check(run.old_end().value - 1);
		check(run.old_end().value);
		if (run.old_begin.value > 0)
			check(run.old_begin.value - 1);
	}

	/* Uses a reservation of the table.  All @count chunks must be mapped. */
	void erase(uint64_t begin, uint64_t count)
	{
		erased_ = true;
		table_->erase({begin}, count);
		chunks_.erase(chunks_.lower_bound(begin), chunks_.lower_bound(begin + count));
		check(begin);
		check(begin + count - 1);
		check(begin + count);
		if (begin > 0)
			check(begin - 1);
	}

	/* A stretch of mapped chunks around @chunk.  Sets old_begin and count. */
	Run mapped_part(uint64_t chunk, uint64_t max) const
	{
		auto at = chunks_.lower_bound(chunk);
		if (at == chunks_.end())
			return {};
		Run part{{at->first}, {at->second}, 0};
		for (; part.count < max && at != chunks_.end() && at->first == part.old_end().value;
		     ++at)
			++part.count;
		return part;
	}

	/* Checks the results for @chunk and some chunks after it. */
	void check(uint64_t chunk)
	{
		constexpr uint64_t max = 40;
		const Mapping mapping = table_->find({chunk}, max);
		const auto at = chunks_.lower_bound(chunk);
		const bool mapped = at != chunks_.end() && at->first == chunk;
		ASSERT_EQ(mapping.mapped, mapped) << "chunk " << chunk;
		ASSERT_GT(mapping.count, 0u) << "chunk " << chunk;
		if (!mapped) {
			uint64_t count = max;
			if (at != chunks_.end())
				count = std::min(max, at->first - chunk);
			/* An empty leaf hides the distance to the next run. */
			ASSERT_LE(mapping.count, count) << "chunk " << chunk;
			ASSERT_TRUE(erased_ || mapping.count == count) << "chunk " << chunk;
			return;
		}
		ASSERT_EQ(mapping.new_begin.value, at->second) << "chunk " << chunk;
		ASSERT_LE(mapping.count, stretch(at, max)) << "chunk " << chunk;
	}

	/*
	 * Walks over the whole table.  find() may return a run in several pieces, and also a gap
	 * where something was erased, but no more pieces than there are leaves.
	 */
	void check_all()
	{
		ASSERT_EQ(table_->chunks(), chunks_.size());
		uint64_t chunk = 0;
		size_t pieces = 0;
		size_t gap_pieces = 0;
		auto at = chunks_.begin();
		while (at != chunks_.end()) {
			for (; chunk < at->first; ++gap_pieces) {
				/* Without a limit: the result must come from the table alone. */
				const Mapping gap = table_->find({chunk}, UINT64_MAX);
				ASSERT_FALSE(gap.mapped) << "chunk " << chunk;
				ASSERT_GT(gap.count, 0u) << "chunk " << chunk;
				ASSERT_LE(gap.count, at->first - chunk) << "chunk " << chunk;
				ASSERT_TRUE(erased_ || gap.count == at->first - chunk);
				chunk += gap.count;
				gap_pieces -= chunk == at->first;
			}
			uint64_t left = stretch(at, UINT64_MAX);
			for (; left > 0; ++pieces) {
				const Mapping mapping = table_->find({chunk}, UINT64_MAX);
				ASSERT_TRUE(mapping.mapped) << "chunk " << chunk;
				ASSERT_EQ(mapping.new_begin.value, at->second) << "chunk " << chunk;
				ASSERT_GT(mapping.count, 0u) << "chunk " << chunk;
				ASSERT_LE(mapping.count, left) << "chunk " << chunk;
				std::advance(at, mapping.count);
				chunk += mapping.count;
				left -= mapping.count;
			}
			--pieces;
		}
		if (erased_)
			EXPECT_FALSE(table_->find({chunk}, UINT64_MAX).mapped);
		else
			expect_unmapped(*table_, chunk, UINT64_MAX);
		EXPECT_LE(pieces, table_->pages());
		EXPECT_LE(gap_pieces, table_->pages());
	}

private:
	using Map = std::map<uint64_t, uint64_t>;

	uint64_t stretch(Map::const_iterator at, uint64_t max) const
	{
		const auto [old_begin, new_begin] = *at;
		uint64_t count = 1;
		while (count < max && ++at != chunks_.end() && at->first == old_begin + count &&
		       at->second == new_begin + count)
			++count;
		return count;
	}

	Owned<Table> table_;
	Map chunks_;
	bool erased_ = false;
};

using Model = BasicModel<PageSizes>;

} // namespace dmsnap::test
