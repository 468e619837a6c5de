// SPDX-License-Identifier: GPL-2.0-only
/* An ExceptionTable whose nodes are as small as they may be. */
#pragma once

#include "exception/exception_table.hpp"
#include "model/engine/model.hpp"

namespace dmsnap::model {

struct SmallSizes {
	template <typename New> static constexpr uint32_t slots = 6;
	static constexpr uint32_t stretch = 4;
	static constexpr uint32_t children = 4;
	static constexpr uint64_t reach = 1 << 16;
	static constexpr unsigned int max_levels = 4;
	static constexpr size_t held_back = 5;
};

using SmallTable = BasicExceptionTable<SmallSizes>;

inline Owned<SmallTable> make_table()
{
	auto table = SmallTable::create(1000);
	if (!table)
		fail("no table");
	return std::move(*table);
}

inline void insert(SmallTable &table, uint64_t old_chunk, uint64_t new_chunk)
{
	expect(table.reserve(DMSNAP_ALLOC_NOWAIT), "no page for the table");
	table.insert({{old_chunk}, {new_chunk}, 1});
}

} // namespace dmsnap::model
