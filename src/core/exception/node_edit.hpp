// SPDX-License-Identifier: GPL-2.0-only
/*
 * How the nodes of an ExceptionTable are changed while readers may be active: all stores are
 * atomic, and pointers to nodes are stored with release.
 *
 * Context: the table's writer, between begin_change() and end_change().
 */
#pragma once

#include <type_traits>

#include "exception/node.hpp"

namespace dmsnap::detail {

/* Two adjacent short entries. */
using Pair [[gnu::may_alias]] = uint64_t;

template <typename T> constexpr bool has_pairs = 2 * sizeof(T) == sizeof(Pair);

/*
 * One store for two entries.  It is aligned, so a reader sees each of them either old or new.
 * The source need not be aligned, as there is no other writer.
 */
template <typename T> void move_pair(Atomic<T> *to, const Atomic<T> *from)
{
	Pair pair;
	__builtin_memcpy(&pair, from, sizeof(pair));
	__atomic_store_n(reinterpret_cast<Pair *>(to), pair, __ATOMIC_RELAXED);
}

template <typename T> bool at_pair(const Atomic<T> *entry)
{
	return reinterpret_cast<uintptr_t>(entry) % sizeof(Pair) == 0;
}

template <typename T> void move_entry(Atomic<T> *to, const Atomic<T> *from)
{
	if constexpr (std::is_pointer_v<T>)
		to->store_release(from->load_relaxed());
	else
		to->store_relaxed(from->load_relaxed());
}

/* Moves the last entry first, for a destination further up in the same array. */
template <typename T> void move_up(Atomic<T> *to, const Atomic<T> *from, size_t count)
{
	if constexpr (has_pairs<T>) {
		if (count > 0 && !at_pair(to + count)) {
			--count;
			move_entry(to + count, from + count);
		}
#pragma GCC unroll 8
		for (; count > 1; count -= 2)
			move_pair(to + count - 2, from + count - 2);
	}
#pragma GCC unroll 8
	for (; count > 0; --count)
		move_entry(to + count - 1, from + count - 1);
}

/* Moves the first entry first. */
template <typename T> void move_down(Atomic<T> *to, const Atomic<T> *from, size_t count)
{
	size_t i = 0;
	if constexpr (has_pairs<T>) {
		if (count > 0 && !at_pair(to)) {
			move_entry(to, from);
			++i;
		}
#pragma GCC unroll 8
		for (; i + 1 < count; i += 2)
			move_pair(to + i, from + i);
	}
#pragma GCC unroll 8
	for (; i < count; ++i)
		move_entry(to + i, from + i);
}

/* The two ranges may overlap. */
template <typename T> void move_entries(Atomic<T> *to, const Atomic<T> *from, uint32_t count)
{
	if (to > from)
		move_up(to, from, count);
	else
		move_down(to, from, count);
}

template <typename New, typename Sizes>
void move_slots(Leaf<New, Sizes> &to, uint32_t at, const Leaf<New, Sizes> &from, uint32_t begin,
		uint32_t count)
{
	move_entries(to.keys + at, from.keys + begin, count);
	move_entries(to.news + at, from.news + begin, count);
}

template <typename Sizes>
void move_children(Inner<Sizes> &to, uint32_t at, const Inner<Sizes> &from, uint32_t begin,
		   uint32_t count)
{
	move_entries(to.separators + at, from.separators + begin, count);
	move_entries(to.children + at, from.children + begin, count);
}

template <typename Sizes>
void put_child(Inner<Sizes> &node, uint32_t at, uint64_t separator, Node &child)
{
	const uint32_t count = node.count.load_relaxed();
	move_children(node, at + 1, node, at, count - at);
	node.separators[at].store_relaxed(separator);
	node.children[at].store_release(&child);
	node.count.store_relaxed(count + 1);
}

/* The slots [@begin, @end) become @run. */
template <typename New, typename Sizes>
void put(Leaf<New, Sizes> &leaf, uint32_t begin, uint32_t end, const Run &run)
{
	const uint32_t count = leaf.count.load_relaxed();
	const uint64_t distance = run.old_begin.value - leaf.base.load_relaxed();
	const uint32_t put_end = begin + slots_for(run);
	move_slots(leaf, put_end, leaf, end, count - end);
	leaf.keys[begin].store_relaxed(Key::first(distance).bits);
	leaf.news[begin].store_relaxed(static_cast<New>(run.new_begin.value));
	if (run.count > 1) {
		leaf.keys[begin + 1].store_relaxed(Key::end(distance + run.count - 1).bits);
		leaf.news[begin + 1].store_relaxed(static_cast<New>(run.new_end().value - 1));
	}
	leaf.count.store_relaxed(count - end + put_end);
}

template <typename New, typename Sizes>
void drop(Leaf<New, Sizes> &leaf, uint32_t begin, uint32_t end)
{
	const uint32_t count = leaf.count.load_relaxed();
	move_slots(leaf, begin, leaf, end, count - end);
	leaf.count.store_relaxed(count - (end - begin));
}

} // namespace dmsnap::detail
