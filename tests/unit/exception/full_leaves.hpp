// SPDX-License-Identifier: GPL-2.0-only
/* A table with full leaves, and the capacity of its nodes. */
#pragma once

#include "exception/node.hpp"
#include "unit/exception/table_model.hpp"

namespace dmsnap::test {

constexpr uint64_t leaf_slots = detail::Leaf<uint32_t, PageSizes>::capacity;
constexpr uint64_t root_children = detail::Inner<PageSizes>::capacity;

/* Chunk 4 * i is mapped to i. */
inline Owned<ExceptionTable> table_of_full_leaves(uint64_t leaves)
{
	auto table = make_table(narrow);
	for (uint64_t i = 0; i < leaves * leaf_slots; ++i)
		load(*table, run(4 * i, i));
	return table;
}

} // namespace dmsnap::test
