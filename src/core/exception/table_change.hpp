// SPDX-License-Identifier: GPL-2.0-only
/*
 * ExceptionTable: insertion and erasure.  To be included only where the template is
 * instantiated.
 */
#pragma once

#include "base/assert.hpp"
#include "exception/exception_table.hpp"
#include "exception/node_edit.hpp"

namespace dmsnap {

template <typename Sizes> void BasicExceptionTable<Sizes>::insert(const Run &run)
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

template <typename Sizes> void BasicExceptionTable<Sizes>::begin_change()
{
	sequence_.store_relaxed(sequence_.load_relaxed() + 1);
	release_fence();
}

template <typename Sizes> void BasicExceptionTable<Sizes>::end_change()
{
	sequence_.store_release(sequence_.load_relaxed() + 1);
}

template <typename Sizes> void BasicExceptionTable<Sizes>::erase(OldChunk begin, uint64_t count)
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

template <typename Sizes>
template <typename New>
void BasicExceptionTable<Sizes>::erase_from_tree(uint64_t begin, uint64_t end)
{
	/* One iteration for each run that is touched; only one of them can keep both ends. */
	while (begin < end) {
		Leaf<New> &leaf = static_cast<Leaf<New> &>(*path_to(begin).leaf);
		const uint32_t slots = leaf.count.load_relaxed();
		const uint32_t behind = slots_up_to(leaf, slots, begin);
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

template <typename Sizes>
template <typename New>
void BasicExceptionTable<Sizes>::insert_into_tree(const Run &run)
{
	const uint64_t first = run.old_begin.value;
	/* make_room() succeeds at most twice. */
	for (;;) {
		const Path path = path_to(first);
		Leaf<New> &leaf = static_cast<Leaf<New> &>(*path.leaf);
		if (leaf.count.load_relaxed() == 0)
			leaf.base.store_relaxed(detail::base_for<Sizes>(first));

		Change change;
		const bool disjoint = plan(path, leaf, run, change);
		DMSNAP_ASSERT(disjoint);
		if (!disjoint)
			return;
		if (make_room(path, leaf, change))
			continue;

		put(leaf, change.begin, change.end, change.run);
		const uint64_t end = change.run.old_end().value;
		if (path.limit < end)
			raise_separators(path, end);
		chunks_.store_relaxed(chunks_.load_relaxed() + run.count);
		return;
	}
}

template <typename Sizes>
typename BasicExceptionTable<Sizes>::Path BasicExceptionTable<Sizes>::path_to(uint64_t chunk) const
{
	Path path;
	path.limit = UINT64_MAX;
	Node *node = root_.load_relaxed();
	while (node->level > 0) {
		Inner &inner = static_cast<Inner &>(*node);
		const uint32_t count = inner.count.load_relaxed();
		const uint32_t child = child_for(inner, count, chunk);
		path.steps[inner.level] = {&inner, child};
		if (child + 1 < count)
			path.limit = inner.separators[child + 1].load_relaxed();
		node = inner.children[child].load_relaxed();
	}
	path.leaf = node;
	return path;
}

/* Plans the change for @run.  Returns false if a chunk of @run is in the table already. */
template <typename Sizes>
template <typename New>
bool BasicExceptionTable<Sizes>::plan(const Path &path, const Leaf<New> &leaf, const Run &run,
				      Change &change)
{
	const uint32_t count = leaf.count.load_relaxed();
	const uint64_t begin = run.old_begin.value;
	const uint64_t end = run.old_end().value;
	const uint32_t slot = slots_up_to(leaf, count, begin);

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
	} else if (path.limit < end) {
		return is_free_behind<New>(path, end);
	}
	return true;
}

/* Is nothing mapped from the end of the path's leaf to @end? */
template <typename Sizes>
template <typename New>
bool BasicExceptionTable<Sizes>::is_free_behind(const Path &path, uint64_t end)
{
	uint32_t child = path.steps[1].child + 1;
	for (const Inner *node = path.steps[1].node; node;
	     node = static_cast<const Inner *>(node->next.load_relaxed())) {
		for (; child < node->count.load_relaxed(); ++child) {
			if (child > 0 && node->separators[child].load_relaxed() >= end)
				return true;
			const auto &leaf = static_cast<const Leaf<New> &>(
				*node->children[child].load_relaxed());
			/* A leaf that erase() has emptied gives no answer. */
			if (leaf.count.load_relaxed() > 0)
				return chunk_of(leaf, 0) >= end;
		}
		child = 0;
	}
	return true;
}

/*
 * The run that was put into the path's leaf ends at @end, beyond the leaf's range.  From now on
 * the ranges of the leaves after it must not begin before @end, or a search for the run's last
 * chunks would lead to them.  There may be many such leaves: erase() leaves empty ones in the
 * tree, and some are narrow.  Their separators are in nodes on all levels, also in those to the
 * right of the path.  Several separators may be equal after that: the leaves between them have no
 * range, and no search leads there until balance() gives them one.
 */
template <typename Sizes>
void BasicExceptionTable<Sizes>::raise_separators(const Path &path, uint64_t end)
{
	const uint32_t root_level = root_.load_relaxed()->level;
	for (uint32_t level = 1; level <= root_level; ++level) {
		Inner *node = path.steps[level].node;
		uint32_t child = path.steps[level].child + 1;
		bool raised = true;
		while (raised && node) {
			const uint32_t count = node->count.load_relaxed();
			for (; child < count && raised; ++child) {
				raised = node->separators[child].load_relaxed() < end;
				if (raised)
					node->separators[child].store_relaxed(end);
			}
			node = static_cast<Inner *>(node->next.load_relaxed());
			child = 1;
		}
	}
}

/*
 * Returns true if the tree had no room for @change.  It was changed then, and the caller must
 * search again.
 */
template <typename Sizes>
template <typename New>
bool BasicExceptionTable<Sizes>::make_room(const Path &path, Leaf<New> &leaf, const Change &change)
{
	const uint32_t count = leaf.count.load_relaxed();
	const uint64_t base = leaf.base.load_relaxed();
	const uint64_t first = change.run.old_begin.value;

	if (first < base) {
		split(path, leaf, 0, chunk_of(leaf, 0));
		return true;
	}
	if (change.run.old_end().value - base > Leaf<New>::reach) {
		/* Later chunks between the leaf and the run belong to the run's leaf. */
		split(path, leaf, count,
		      larger(detail::base_for<Sizes>(first), chunk_of(leaf, count - 1) + 1));
		return true;
	}
	if (count - (change.end - change.begin) + detail::slots_for(change.run) <=
	    Leaf<New>::capacity)
		return false;

	if (path.leaf != root_.load_relaxed()) {
		const typename Path::Step &step = path.steps[1];
		if (step.child + 1 < step.node->count.load_relaxed() &&
		    balance<New>(*step.node, step.child))
			return true;
		if (step.child > 0 && balance<New>(*step.node, step.child - 1))
			return true;
	}

	/*
	 * Sequential inserts, ascending or descending, fill the new leaf and do not return to the
	 * old one: leave the old one full.
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

/* Balances two adjacent leaves, unless that would be needed again very soon. */
template <typename Sizes>
template <typename New>
bool BasicExceptionTable<Sizes>::balance(Inner &parent, uint32_t left_child)
{
	Leaf<New> &left = static_cast<Leaf<New> &>(*parent.children[left_child].load_relaxed());
	Leaf<New> &right =
		static_cast<Leaf<New> &>(*parent.children[left_child + 1].load_relaxed());
	const uint32_t left_count = left.count.load_relaxed();
	const uint32_t right_count = right.count.load_relaxed();
	const uint32_t sum = left_count + right_count;
	if (left.base.load_relaxed() != right.base.load_relaxed() ||
	    sum > 2 * Leaf<New>::capacity - Leaf<New>::slack)
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
 * Moves the slots from @at on to a new leaf after @leaf, for chunks from @separator on.  One of
 * the two may become empty: the run that needs the split goes there next.
 */
template <typename Sizes>
template <typename New>
void BasicExceptionTable<Sizes>::split(const Path &path, Leaf<New> &leaf, uint32_t at,
				       uint64_t separator)
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

/* Inserts @new_child after the child that @path goes through, splitting full nodes. */
template <typename Sizes>
void BasicExceptionTable<Sizes>::add_child(const Path &path, uint64_t separator, Node &new_child)
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

} // namespace dmsnap
