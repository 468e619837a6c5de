// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core's node_edit.hpp for programs that are explored; include this one first.  The core stores
 * two entries at once through a builtin; here that is two stores, which leaves the readers more
 * choices.
 */
#pragma once

#include "exception/node.hpp"

namespace dmsnap::detail {

template <typename Pair> void store_two_entries(Pair *to, Pair values)
{
	auto *entries = reinterpret_cast<Atomic<uint32_t> *>(to);
	uint32_t parts[2];
	static_assert(sizeof(parts) == sizeof(values));
	__builtin_memcpy(parts, &values, sizeof(values));
	entries[0].store_relaxed(parts[0]);
	entries[1].store_relaxed(parts[1]);
}

} // namespace dmsnap::detail

#define __atomic_store_n(to, values, order) dmsnap::detail::store_two_entries(to, values)
#include "exception/node_edit.hpp"
#undef __atomic_store_n
