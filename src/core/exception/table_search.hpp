// SPDX-License-Identifier: GPL-2.0-only
/*
 * ExceptionTable: search.  To be included only where the template is instantiated.
 */
#pragma once

#include <dmsnap/port/lock.h>

#include "base/assert.hpp"
#include "exception/exception_table.hpp"
#include "exception/node.hpp"

namespace dmsnap {

template <typename Sizes>
Mapping BasicExceptionTable<Sizes>::find(OldChunk chunk, uint64_t max) const
{
	Mapping mapping;
	while (!find_soon(chunk, max, mapping)) {
	}
	return mapping;
}

template <typename Sizes>
bool BasicExceptionTable<Sizes>::find_soon(OldChunk chunk, uint64_t max, Mapping &mapping) const
{
	for (unsigned int looks = 0; looks < looks_max; ++looks) {
		/* seq_cst for callers that have just announced themselves: see Regions. */
		const uint32_t sequence = sequence_.load_seq_cst();
		if (sequence % 2 == 0) {
			mapping = {};
			const bool whole = wide() ? try_find<uint64_t>(chunk.value, max, mapping)
						  : try_find<uint32_t>(chunk.value, max, mapping);
			acquire_fence();
			if (sequence_.load_relaxed() == sequence) {
				DMSNAP_ASSERT(whole);
				return true;
			}
		}
		dmsnap_port_cpu_relax();
	}
	return false;
}

/* Returns false if the tree looks half changed; true does not prove that it is not. */
template <typename Sizes>
template <typename New>
bool BasicExceptionTable<Sizes>::try_find(uint64_t chunk, uint64_t max, Mapping &mapping) const
{
	const Node *node = root_.load_acquire();
	/* Everything mapped from @chunk up to here is in the leaf. */
	uint64_t limit = UINT64_MAX;
	while (node->level > 0) {
		const Inner &inner = static_cast<const Inner &>(*node);
		const uint32_t count = smaller(inner.count.load_relaxed(), Inner::capacity);
		if (count == 0)
			return false;
		const uint32_t child = child_for(inner, count, chunk);
		if (child + 1 < count)
			limit = inner.separators[child + 1].load_relaxed();
		node = inner.children[child].load_acquire();
		if (!node)
			return false;
	}

	const Leaf<New> &leaf = static_cast<const Leaf<New> &>(*node);
	const uint32_t count = smaller(leaf.count.load_relaxed(), Leaf<New>::capacity);
	const uint32_t behind = slots_up_to(leaf, count, chunk);

	if (behind > 0) {
		const uint32_t slot = behind - 1;
		const detail::Key key = key_of(leaf, slot);
		const uint64_t into = chunk - leaf.base.load_relaxed() - key.distance();
		const bool in_run = !key.is_end() && behind < count &&
				    key_of(leaf, behind).is_end();
		if (into == 0 || in_run) {
			mapping.mapped = true;
			mapping.new_begin = {leaf.news[slot].load_relaxed() + into};
			const uint64_t left = in_run ? chunk_of(leaf, behind) - chunk + 1 : 1;
			mapping.count = smaller(left, max);
			return true;
		}
	}

	mapping.mapped = false;
	mapping.count = max;
	if (behind < count) {
		mapping.count = smaller(chunk_of(leaf, behind) - chunk, max);
	} else if (const Node *next = leaf.next.load_acquire()) {
		const Leaf<New> &next_leaf = static_cast<const Leaf<New> &>(*next);
		/* A leaf that erase() has emptied gives no answer, and more of them may follow. */
		const bool empty = next->count.load_relaxed() == 0;
		const uint64_t end = empty ? limit : chunk_of(next_leaf, 0);
		mapping.count = smaller(end - chunk, max);
	}
	return true;
}

} // namespace dmsnap
