// SPDX-License-Identifier: GPL-2.0-only
/*
 * TableLoader: fills an empty ExceptionTable with the exceptions of a store, in any order.  It
 * collects them, sorts them, and fills leaf after leaf, at a small part of the cost of inserting
 * them one by one.
 *
 * Until finish() the table is empty, and must not be used except by its destructor.  Meanwhile an
 * exception takes 8 bytes, and 8 more for the sort; twice as many if a chunk number could have
 * more than 32 bits.
 *
 * Context: process, may sleep.  Construction only.
 */
#pragma once

#include "exception/exception_sort.hpp"
#include "exception/exception_table.hpp"
#include "exception/leaf_chain.hpp"

namespace dmsnap {

template <typename Sizes> class BasicTableLoader {
public:
	using Table = BasicExceptionTable<Sizes>;

	/*
	 * @table: must outlive it
	 * @old_limit: no origin chunk >= @old_limit will ever be added
	 */
	BasicTableLoader(Table &table, uint64_t old_limit);

	/* Errors: no_memory. */
	Status add(OldChunk old_chunk, NewChunk new_chunk)
	{
		return are_short_ ? short_.add({old_chunk, new_chunk})
				  : long_.add({old_chunk, new_chunk});
	}

	/*
	 * The last call.
	 * Errors: no_memory, old_chunk_duplicate: see duplicate().
	 */
	Status finish();

	/* The later one of two exceptions for the same chunk. */
	const Run &duplicate() const { return duplicate_; }

private:
	using Node = detail::Node;
	using Inner = detail::Inner<Sizes>;

	/* As in leaves, the rest is left for later inserts. */
	static constexpr uint32_t inner_fill = Inner::capacity - Inner::capacity / 16;
	static constexpr size_t nodes_above(size_t nodes);
	template <typename New> static uint64_t first_chunk(const Node &node);

	template <typename New, typename Entry>
	Result<detail::LeafChain> make_leaves(PagedArray<Entry> &entries);
	template <typename New> Status build_levels(detail::LeafChain leaves);
	template <typename New> Node *build_level(Node &first);

	Table &table_;
	uint64_t old_limit_;
	bool are_short_;
	/* One of the two is in use. */
	PagedArray<ShortEntry> short_;
	PagedArray<LongEntry> long_;
	Run duplicate_;
};

extern template class BasicTableLoader<PageSizes>;
using TableLoader = BasicTableLoader<PageSizes>;

} // namespace dmsnap
