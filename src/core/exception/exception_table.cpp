// SPDX-License-Identifier: GPL-2.0-only
/*
 * ExceptionTable: search, insertion, erasure, and the pages in hand.
 */
#include "exception/exception_table.hpp"

#include <new>
#include <type_traits>

#include <dmsnap/port/lock.h>

#include "base/assert.hpp"
#include "exception/node.hpp"

namespace dmsnap {

using detail::base_for;
using detail::chunk_of;
using detail::Inner;
using detail::Key;
using detail::key_of;
using detail::Leaf;
using detail::Node;
using detail::slots_for;
using detail::SparePage;

namespace {

template <typename T> constexpr T smaller(T a, T b)
{
	return a < b ? a : b;
}

template <typename T> constexpr T greater(T a, T b)
{
	return a < b ? b : a;
}

/* Two short entries side by side. */
using Pair [[gnu::may_alias]] = uint64_t;

template <typename T> constexpr bool has_pairs = 2 * sizeof(T) == sizeof(Pair);

/*
 * One store for two entries.  It is aligned, so a reader finds each of them old or new;
 * where they come from need not be, for nobody else writes.
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

/* From the last on: for a target further up in the same array. */
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

/* From the first on. */
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

/* The entries may be of one array, and overlap. */
template <typename T> void move_entries(Atomic<T> *to, const Atomic<T> *from, uint32_t count)
{
	if (to > from)
		move_up(to, from, count);
	else
		move_down(to, from, count);
}

template <typename New>
void move_slots(Leaf<New> &to, uint32_t at, const Leaf<New> &from, uint32_t begin, uint32_t count)
{
	move_entries(to.keys + at, from.keys + begin, count);
	move_entries(to.news + at, from.news + begin, count);
}

void move_children(Inner &to, uint32_t at, const Inner &from, uint32_t begin, uint32_t count)
{
	move_entries(to.separators + at, from.separators + begin, count);
	move_entries(to.children + at, from.children + begin, count);
}

void put_child(Inner &node, uint32_t at, uint64_t separator, Node &child)
{
	const uint32_t count = node.count.load_relaxed();
	move_children(node, at + 1, node, at, count - at);
	node.separators[at].store_relaxed(separator);
	node.children[at].store_release(&child);
	node.count.store_relaxed(count + 1);
}

/* A run from the base of its leaf on always fits. */
static_assert(ExceptionTable::run_limit == detail::base_stride);

template <typename New> void put(Leaf<New> &leaf, uint32_t begin, uint32_t end, const Run &run)
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

template <typename New> void drop(Leaf<New> &leaf, uint32_t begin, uint32_t end)
{
	const uint32_t count = leaf.count.load_relaxed();
	move_slots(leaf, begin, leaf, end, count - end);
	leaf.count.store_relaxed(count - (end - begin));
}

} // namespace

Result<Owned<ExceptionTable>> ExceptionTable::create(uint64_t new_limit)
{
	auto table = DMSNAP_TRY(make_owned<ExceptionTable>(new_limit));

	if (!table->add_spare(DMSNAP_ALLOC_CONSTRUCT))
		return fail(Error::no_memory);
	void *page = table->take_spare();
	table->root_.store_release(table->wide() ? static_cast<Node *>(new (page) Leaf<uint64_t>())
						 : new (page) Leaf<uint32_t>());
	table->nodes_[0] = 1;

	/* Fills up what is held back. */
	if (!table->reserve(DMSNAP_ALLOC_CONSTRUCT))
		return fail(Error::no_memory);
	table->unreserve();
	if (table->spares_ < held_back)
		return fail(Error::no_memory);
	return table;
}

ExceptionTable::ExceptionTable(uint64_t new_limit) : new_limit_(new_limit)
{
}

ExceptionTable::~ExceptionTable()
{
	DMSNAP_ASSERT(reservations_ == 0);
	Node *first = root_.load_relaxed();
	while (first) {
		Node *below = nullptr;
		if (first->level > 0)
			below = static_cast<Inner *>(first)->children[0].load_relaxed();
		while (first) {
			Node *next = first->next.load_relaxed();
			dmsnap_port_page_free(first);
			first = next;
		}
		first = below;
	}
	while (spares_ > 0)
		drop_spare();
}

Fate ExceptionTable::find(OldChunk chunk, uint64_t max) const
{
	for (;;) {
		const uint32_t sequence = sequence_.load_acquire();
		if (sequence % 2 == 0) {
			Fate fate;
			const bool whole = wide() ? try_find<uint64_t>(chunk.value, max, fate)
						  : try_find<uint32_t>(chunk.value, max, fate);
			acquire_fence();
			if (sequence_.load_relaxed() == sequence) {
				DMSNAP_ASSERT(whole);
				return fate;
			}
		}
		dmsnap_port_cpu_relax();
	}
}

/* False if the tree is seen half changed; true does not mean that it is not. */
template <typename New>
bool ExceptionTable::try_find(uint64_t chunk, uint64_t max, Fate &fate) const
{
	const Node *node = root_.load_acquire();
	/* Everything from chunk to here that is mapped is in the leaf. */
	uint64_t limit = UINT64_MAX;
	while (node->level > 0) {
		const Inner &inner = static_cast<const Inner &>(*node);
		const uint32_t count = smaller(inner.count.load_relaxed(), Inner::capacity);
		if (count == 0)
			return false;
		const uint32_t child = detail::child_for(inner, count, chunk);
		if (child + 1 < count)
			limit = inner.separators[child + 1].load_relaxed();
		node = inner.children[child].load_acquire();
		if (!node)
			return false;
	}

	const Leaf<New> &leaf = static_cast<const Leaf<New> &>(*node);
	const uint32_t count = smaller(leaf.count.load_relaxed(), Leaf<New>::capacity);
	const uint32_t behind = detail::slots_up_to(leaf, count, chunk);

	if (behind > 0) {
		const uint32_t slot = behind - 1;
		const Key key = key_of(leaf, slot);
		const uint64_t into = chunk - leaf.base.load_relaxed() - key.distance();
		const bool in_run = !key.is_end() && behind < count &&
				    key_of(leaf, behind).is_end();
		if (into == 0 || in_run) {
			fate.mapped = true;
			fate.new_begin = {leaf.news[slot].load_relaxed() + into};
			const uint64_t left = in_run ? chunk_of(leaf, behind) - chunk + 1 : 1;
			fate.count = smaller(left, max);
			return true;
		}
	}

	fate.mapped = false;
	fate.count = max;
	if (behind < count) {
		fate.count = smaller(chunk_of(leaf, behind) - chunk, max);
	} else if (const Node *next = leaf.next.load_acquire()) {
		const Leaf<New> &next_leaf = static_cast<const Leaf<New> &>(*next);
		/* One that erase() has emptied says nothing, and more of them may follow. */
		const bool empty = next->count.load_relaxed() == 0;
		fate.count = smaller((empty ? limit : chunk_of(next_leaf, 0)) - chunk, max);
	}
	return true;
}

void ExceptionTable::insert(const Run &run)
{
	const bool reserved = reservations_ > 0;
	DMSNAP_ASSERT(reserved);
	if (!reserved)
		return;
	--reservations_;
	const bool in_range = run.count > 0 && run.count <= run_limit &&
			      run.old_begin.value <= UINT64_MAX - run.count &&
			      run.count <= new_limit_ &&
			      run.new_begin.value <= new_limit_ - run.count;
	DMSNAP_ASSERT(in_range);
	if (!in_range)
		return;

	begin_change();
	if (wide())
		insert_into_tree<uint64_t>(run);
	else
		insert_into_tree<uint32_t>(run);
	end_change();
	trim_if_many();
}

void ExceptionTable::begin_change()
{
	sequence_.store_relaxed(sequence_.load_relaxed() + 1);
	release_fence();
}

void ExceptionTable::end_change()
{
	sequence_.store_release(sequence_.load_relaxed() + 1);
}

void ExceptionTable::erase(OldChunk begin, uint64_t count)
{
	const bool reserved = reservations_ > 0;
	DMSNAP_ASSERT(reserved);
	if (!reserved)
		return;
	--reservations_;

	begin_change();
	if (wide())
		erase_from_tree<uint64_t>(begin.value, begin.value + count);
	else
		erase_from_tree<uint32_t>(begin.value, begin.value + count);
	end_change();
	trim_if_many();
}

template <typename New> void ExceptionTable::erase_from_tree(uint64_t begin, uint64_t end)
{
	/* Once for each run that is touched; only one of them can have both ends left. */
	while (begin < end) {
		Leaf<New> &leaf = static_cast<Leaf<New> &>(*path_to(begin).leaf);
		const uint32_t slots = leaf.count.load_relaxed();
		const uint32_t behind = detail::slots_up_to(leaf, slots, begin);
		const bool ends_run = behind > 0 && key_of(leaf, behind - 1).is_end();
		const uint32_t first = behind - (ends_run ? 2 : 1);
		const bool found = behind > 0 && chunk_of(leaf, behind - 1) <= begin;
		DMSNAP_ASSERT(found);
		if (!found)
			return;

		const bool is_run = first + 1 < slots && key_of(leaf, first + 1).is_end();
		const uint32_t first_behind = first + (is_run ? 2 : 1);
		Run left{{chunk_of(leaf, first)}, {leaf.news[first].load_relaxed()}, 1};
		left.count = chunk_of(leaf, first_behind - 1) - left.old_begin.value + 1;
		const bool mapped = begin < left.old_end().value;
		DMSNAP_ASSERT(mapped);
		if (!mapped)
			return;

		const uint64_t erased_end = smaller(left.old_end().value, end);
		const uint64_t into = erased_end - left.old_begin.value;
		const Run right{left.old_begin + into, left.new_begin + into, left.count - into};
		left.count = begin - left.old_begin.value;
		chunks_.store_relaxed(chunks_.load_relaxed() - (erased_end - begin));

		if (left.count > 0)
			put(leaf, first, first_behind, left);
		else if (right.count > 0)
			put(leaf, first, first_behind, right);
		else
			drop(leaf, first, first_behind);
		if (left.count > 0 && right.count > 0) {
			chunks_.store_relaxed(chunks_.load_relaxed() - right.count);
			insert_into_tree<New>(right);
		}
		begin = erased_end;
	}
}

template <typename New> void ExceptionTable::insert_into_tree(const Run &run)
{
	const uint64_t first = run.old_begin.value;
	/* Makes room at most twice, then there is. */
	for (;;) {
		const Path path = path_to(first);
		Leaf<New> &leaf = static_cast<Leaf<New> &>(*path.leaf);
		if (leaf.count.load_relaxed() == 0)
			leaf.base.store_relaxed(base_for(first));

		Change change;
		const bool disjoint = plan(leaf, run, change);
		DMSNAP_ASSERT(disjoint);
		if (!disjoint)
			return;
		if (make_room(path, leaf, change))
			continue;

		put(leaf, change.begin, change.end, change.run);
		const uint64_t end = change.run.old_end().value;
		if (path.limit_node && path.limit < end)
			path.limit_node->separators[path.limit_child].store_relaxed(end);
		chunks_.store_relaxed(chunks_.load_relaxed() + run.count);
		return;
	}
}

ExceptionTable::Path ExceptionTable::path_to(uint64_t chunk) const
{
	Path path;
	path.limit_node = nullptr;
	Node *node = root_.load_relaxed();
	while (node->level > 0) {
		Inner &inner = static_cast<Inner &>(*node);
		const uint32_t count = inner.count.load_relaxed();
		const uint32_t child = detail::child_for(inner, count, chunk);
		path.steps[inner.level] = {&inner, child};
		if (child + 1 < count) {
			path.limit = inner.separators[child + 1].load_relaxed();
			path.limit_node = &inner;
			path.limit_child = child + 1;
		}
		node = inner.children[child].load_relaxed();
	}
	path.leaf = node;
	return path;
}

/* False if a chunk of @run is in the table already. */
template <typename New>
bool ExceptionTable::plan(const Leaf<New> &leaf, const Run &run, Change &change)
{
	const uint32_t count = leaf.count.load_relaxed();
	const uint64_t begin = run.old_begin.value;
	const uint64_t end = run.old_end().value;
	const uint32_t slot = detail::slots_up_to(leaf, count, begin);

	change = {run, slot, slot};
	if (slot > 0) {
		const bool in_run = !key_of(leaf, slot - 1).is_end() && slot < count &&
				    key_of(leaf, slot).is_end();
		const uint64_t before = chunk_of(leaf, slot - 1);
		if (in_run || before == begin)
			return false;
		if (before + 1 == begin &&
		    uint64_t{leaf.news[slot - 1].load_relaxed()} + 1 == run.new_begin.value) {
			change.begin = slot - (key_of(leaf, slot - 1).is_end() ? 2 : 1);
			const uint64_t joined = begin - chunk_of(leaf, change.begin);
			change.run.old_begin = run.old_begin - joined;
			change.run.new_begin = run.new_begin - joined;
			change.run.count += joined;
		}
	}
	if (slot < count) {
		const uint64_t after = chunk_of(leaf, slot);
		if (after < end)
			return false;
		if (after == end && leaf.news[slot].load_relaxed() == run.new_end().value) {
			const bool is_run = slot + 1 < count && key_of(leaf, slot + 1).is_end();
			change.end = slot + (is_run ? 2 : 1);
			change.run.count += chunk_of(leaf, change.end - 1) - after + 1;
		}
	} else if (const Node *next = leaf.next.load_relaxed()) {
		if (next->count.load_relaxed() > 0 &&
		    chunk_of(static_cast<const Leaf<New> &>(*next), 0) < end)
			return false;
	}
	return true;
}

/* True if the tree was not fit for @change; it is changed then, and to be looked at anew. */
template <typename New>
bool ExceptionTable::make_room(const Path &path, Leaf<New> &leaf, const Change &change)
{
	const uint32_t count = leaf.count.load_relaxed();
	const uint64_t base = leaf.base.load_relaxed();
	const uint64_t first = change.run.old_begin.value;

	if (first < base) {
		split(path, leaf, 0, chunk_of(leaf, 0));
		return true;
	}
	if (change.run.old_end().value - base > Leaf<New>::reach) {
		/* What is to come between the leaf and the run belongs to the run's leaf. */
		split(path, leaf, count, greater(base_for(first), chunk_of(leaf, count - 1) + 1));
		return true;
	}
	if (count - (change.end - change.begin) + slots_for(change.run) <= Leaf<New>::capacity)
		return false;

	if (path.leaf != root_.load_relaxed()) {
		const Path::Step &step = path.steps[1];
		if (step.child + 1 < step.node->count.load_relaxed() &&
		    balance<New>(*step.node, step.child))
			return true;
		if (step.child > 0 && balance<New>(*step.node, step.child - 1))
			return true;
	}

	/*
	 * Whoever comes with ascending, or descending, chunks will fill the new leaf
	 * and not come back: leave the old one full.
	 */
	uint32_t at = count / 2;
	if (change.end == count)
		at = change.begin;
	else if (change.begin == 0)
		at = change.end;
	else if (key_of(leaf, at).is_end())
		++at;
	split(path, leaf, at, at < count ? chunk_of(leaf, at) : first);
	return true;
}

/* Evens out two leaves side by side, unless that would be needed again very soon. */
template <typename New> bool ExceptionTable::balance(Inner &parent, uint32_t left_child)
{
	Leaf<New> &left = static_cast<Leaf<New> &>(*parent.children[left_child].load_relaxed());
	Leaf<New> &right =
		static_cast<Leaf<New> &>(*parent.children[left_child + 1].load_relaxed());
	const uint32_t left_count = left.count.load_relaxed();
	const uint32_t right_count = right.count.load_relaxed();
	const uint32_t sum = left_count + right_count;
	if (left.base.load_relaxed() != right.base.load_relaxed() ||
	    sum > 2 * Leaf<New>::capacity - Leaf<New>::capacity / 16)
		return false;

	uint32_t left_goal = sum / 2;
	if (left_goal < left_count) {
		left_goal += key_of(left, left_goal).is_end();
		const uint32_t moved = left_count - left_goal;
		move_slots(right, moved, right, 0, right_count);
		move_slots(right, 0, left, left_goal, moved);
	} else {
		left_goal += key_of(right, left_goal - left_count).is_end();
		const uint32_t moved = left_goal - left_count;
		move_slots(left, left_count, right, 0, moved);
		move_slots(right, 0, right, moved, right_count - moved);
	}
	left.count.store_relaxed(left_goal);
	right.count.store_relaxed(sum - left_goal);
	parent.separators[left_child + 1].store_relaxed(chunk_of(right, 0));
	return true;
}

/*
 * Moves the slots from @at on to a new leaf behind @leaf, for chunks from
 * @separator on.  One of the two may come out empty; it is where the run that
 * this is done for goes next.
 */
template <typename New>
void ExceptionTable::split(const Path &path, Leaf<New> &leaf, uint32_t at, uint64_t separator)
{
	const uint32_t count = leaf.count.load_relaxed();
	Leaf<New> &right = *new (take_spare()) Leaf<New>();
	++nodes_[0];
	right.base.store_relaxed(leaf.base.load_relaxed());
	move_slots(right, 0, leaf, at, count - at);
	right.count.store_relaxed(count - at);
	right.next.store_relaxed(leaf.next.load_relaxed());
	leaf.next.store_release(&right);
	leaf.count.store_relaxed(at);
	add_child(path, separator, right);
}

/* Hangs in @new_child behind the child that @path goes through, splitting what is full. */
void ExceptionTable::add_child(const Path &path, uint64_t separator, Node &new_child)
{
	const uint32_t root_level = root_.load_relaxed()->level;
	Node *child = &new_child;
	for (uint32_t level = 1; level <= root_level; ++level) {
		Inner &node = *path.steps[level].node;
		const uint32_t at = path.steps[level].child + 1;
		if (node.count.load_relaxed() < Inner::capacity) {
			put_child(node, at, separator, *child);
			return;
		}

		constexpr uint32_t half = Inner::capacity / 2;
		constexpr uint32_t moved = Inner::capacity - half;
		Inner &right = *new (take_spare()) Inner(level);
		++nodes_[level];
		move_children(right, 0, node, half, moved);
		right.count.store_relaxed(moved);
		right.next.store_relaxed(node.next.load_relaxed());
		node.next.store_release(&right);
		node.count.store_relaxed(half);
		const uint64_t right_separator = right.separators[0].load_relaxed();
		if (at <= half)
			put_child(node, at, separator, *child);
		else
			put_child(right, at - half, separator, *child);
		separator = right_separator;
		child = &right;
	}

	Inner &root = *new (take_spare()) Inner(root_level + 1);
	++nodes_[root_level + 1];
	put_child(root, 0, 0, *root_.load_relaxed());
	put_child(root, 1, separator, *child);
	root_.store_release(&root);
}

bool ExceptionTable::reserve(dmsnap_alloc_mode mode)
{
	const size_t needed = pages_for(reservations_ + 1);
	const size_t wanted = needed + held_back;
	while (spares_ < wanted && add_spare(mode)) {
	}
	if (spares_ < (reservations_ > 0 ? wanted : needed))
		return false;
	++reservations_;
	return true;
}

void ExceptionTable::unreserve()
{
	DMSNAP_ASSERT(reservations_ > 0);
	--reservations_;
	trim_if_many();
}

/*
 * The most pages that so many inserts can take, each adding a leaf.  A node that
 * is full can be split at once, but each half then takes split_room children
 * before it is full again.
 */
size_t ExceptionTable::pages_for(size_t inserts) const
{
	size_t pages = inserts;
	size_t added = inserts;
	for (unsigned int level = 1; added > 0 && level < max_levels; ++level) {
		const size_t there = nodes_[level];
		if (there == 0)
			++pages;
		added = smaller(added, there + added / Inner::split_room);
		pages += added;
	}
	return pages;
}

bool ExceptionTable::add_spare(dmsnap_alloc_mode mode)
{
	void *page = dmsnap_port_page_alloc(mode);
	if (!page)
		return false;
	spare_ = new (page) SparePage{spare_};
	++spares_;
	pages_.store_relaxed(pages_.load_relaxed() + 1);
	return true;
}

void *ExceptionTable::take_spare()
{
	void *page = spare_;
	spare_ = spare_->next;
	--spares_;
	return page;
}

void ExceptionTable::drop_spare()
{
	dmsnap_port_page_free(take_spare());
	pages_.store_relaxed(pages_.load_relaxed() - 1);
}

void ExceptionTable::trim()
{
	const size_t enough = pages_for(reservations_) + held_back;
	while (spares_ > enough)
		drop_spare();
}

void ExceptionTable::trim_if_many()
{
	/* The first says mostly that the second need not be asked. */
	if (spares_ > kept && spares_ > pages_for(reservations_) + kept)
		trim();
}

} // namespace dmsnap
