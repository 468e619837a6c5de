// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages that ExceptionTable is made of: their layout, and the search within a page.  The
 * table decides what is in which page.
 *
 * A leaf holds slots in ascending order of origin chunk.  Keys and COW chunk numbers are in
 * separate arrays, so that a search touches few cache lines.  A key has in its upper 31 bits the
 * distance from the leaf's base, and in bit 0 whether the slot is the end of a run:
 *
 *   base 0:     key    7      |  100     120 end  |  121      |  200     201 end
 *               new   40      |   50      70      |   99      |   41      42
 *
 *   chunk 7 is at 40; 100 .. 120 are at 50 .. 70; 121 is at 99; 200, 201 at 41, 42
 *
 * A chunk on its own takes one slot.  A run takes two, its first chunk and its
 * last, side by side in one leaf.
 */
#pragma once

#include <dmsnap/port/memory.h>

#include "base/atomic.hpp"
#include "base/chunk.hpp"
#include "base/min_max.hpp"
#include "exception/node_sizes.hpp"

namespace dmsnap::detail {

/* The common start of all nodes. */
struct Node {
	explicit Node(uint32_t node_level) : level(node_level) {}

	/* 0 for a leaf.  Never changes. */
	const uint32_t level;
	/* Slots or children in use. */
	Atomic<uint32_t> count;
	/* The next node to the right on the same level; nullptr at its end. */
	Atomic<Node *> next;
};

template <typename Sizes> struct Inner : Node {
	static constexpr uint32_t capacity = Sizes::children;
	/* How many more children each half of a split node can take. */
	static constexpr uint32_t split_room = capacity / 2 - 1;
	static_assert(split_room > 0);

	explicit Inner(uint32_t node_level) : Node(node_level) {}

	/*
	 * separators[i] <= all keys below children[i] < separators[i + 1]; the same holds for the
	 * separators below it.  Equal separators have no key between them. separators[0] is never
	 * used.
	 */
	Atomic<uint64_t> separators[capacity];
	Atomic<Node *> children[capacity];
};

/* New: uint32_t or uint64_t, a COW chunk number. */
template <typename New, typename Sizes> struct Leaf : Node {
	static constexpr uint32_t capacity = Sizes::template slots<New>;
	/* A full leaf that is split in the middle has room for a run in either half. */
	static_assert(capacity / 2 + 1 + 2 <= capacity);
	/*
	 * Two leaves are balanced only if they have this much room together: then each has room
	 * for a run afterwards.
	 */
	static constexpr uint32_t slack = capacity / 16 > 6 ? capacity / 16 : 6;
	/* All chunks of a leaf are less than this far from its base. */
	static constexpr uint64_t reach = Sizes::reach;

	Leaf() : Node(0) {}

	Atomic<uint64_t> base;
	Atomic<uint32_t> keys[capacity];
	Atomic<New> news[capacity];
};

static_assert(sizeof(Inner<PageSizes>) <= DMSNAP_PAGE_SIZE);
static_assert(sizeof(Leaf<uint32_t, PageSizes>) <= DMSNAP_PAGE_SIZE);
static_assert(sizeof(Leaf<uint64_t, PageSizes>) <= DMSNAP_PAGE_SIZE);

/* A cached page that is not in the tree. */
struct SparePage {
	SparePage *next;
};

/* A slot's key. */
struct Key {
	uint32_t bits;

	static constexpr Key first(uint64_t distance)
	{
		return {static_cast<uint32_t>(distance << 1)};
	}
	static constexpr Key end(uint64_t distance) { return {first(distance).bits | 1}; }

	constexpr uint64_t distance() const { return bits >> 1; }
	constexpr bool is_end() const { return bits & 1; }
};

template <typename New, typename Sizes> Key key_of(const Leaf<New, Sizes> &leaf, uint32_t slot)
{
	return {leaf.keys[slot].load_relaxed()};
}

template <typename New, typename Sizes>
uint64_t chunk_of(const Leaf<New, Sizes> &leaf, uint32_t slot)
{
	return leaf.base.load_relaxed() + key_of(leaf, slot).distance();
}

/* Bases of leaves are multiples of this, so a run always fits in a new leaf. */
template <typename Sizes> constexpr uint64_t base_stride = Sizes::reach / 2;

template <typename Sizes> constexpr uint64_t base_for(uint64_t chunk)
{
	return chunk & ~(base_stride<Sizes> - 1);
}

/* How many slots a run takes. */
constexpr uint32_t slots_for(const Run &run)
{
	return run.count == 1 ? 1 : 2;
}

/*
 * Number of entries of an ascending array that are <= @key.  Each step is a conditional move,
 * because its outcome is random, and a branch would often be mispredicted.
 */
template <typename T> uint32_t count_up_to(const Atomic<T> *array, uint32_t size, T key)
{
	if (size == 0)
		return 0;
	const Atomic<T> *begin = array;
	for (size_t left = size; left > 1;) {
		const size_t half = left / 2;
		begin += begin[half - 1].load_relaxed() <= key ? half : 0;
		left -= half;
	}
	return static_cast<uint32_t>(begin - array) + (begin->load_relaxed() <= key);
}

/* Which child of a node with @count children leads to @key. */
template <typename Sizes> uint32_t child_for(const Inner<Sizes> &node, uint32_t count, uint64_t key)
{
	return count_up_to(node.separators + 1, count - 1, key);
}

/* Number of slots whose chunk is <= @chunk. */
template <typename New, typename Sizes>
uint32_t slots_up_to(const Leaf<New, Sizes> &leaf, uint32_t count, uint64_t chunk)
{
	/*
	 * In a large table hardly any cache line of a leaf is cached, and a binary search would
	 * wait for one line after the other.  So one key in each stretch is prefetched at once,
	 * and then all of one stretch.  Slots past the count may be prefetched as well: a
	 * prefetch may go anywhere.
	 */
	constexpr uint32_t stretch = Sizes::stretch;
	constexpr uint32_t line_bytes = 64;
	for (uint32_t last = stretch - 1; last < Leaf<New, Sizes>::capacity; last += stretch)
		__builtin_prefetch(&leaf.keys[last]);

	const uint64_t base = leaf.base.load_relaxed();
	if (chunk < base)
		return 0;
	if (chunk - base >= Leaf<New, Sizes>::reach)
		return count;
	const uint32_t key = Key::end(chunk - base).bits;

	size_t begin = 0;
	while (begin + stretch <= count && leaf.keys[begin + stretch - 1].load_relaxed() <= key)
		begin += stretch;
#pragma GCC unroll 4
	for (size_t ahead = 0; ahead < stretch; ahead += line_bytes / sizeof(uint32_t))
		__builtin_prefetch(leaf.keys + begin + ahead);
#pragma GCC unroll 4
	for (size_t ahead = 0; ahead < stretch; ahead += line_bytes / sizeof(New))
		__builtin_prefetch(leaf.news + begin + ahead);
	const uint32_t left = count - static_cast<uint32_t>(begin);
	return begin + count_up_to(leaf.keys + begin, left < stretch ? left : stretch, key);
}

} // namespace dmsnap::detail
