// SPDX-License-Identifier: GPL-2.0-only
/*
 * OrderedTree<T, hook, key_of>: intrusive search tree of objects with distinct
 * 64-bit keys.  It owns nothing and allocates nothing; every operation takes
 * logarithmic time on average.
 *
 *   struct Job { TreeHook by_begin; uint64_t begin; };
 *   inline uint64_t begin_of(const Job &job) { return job.begin; }
 *   OrderedTree<Job, &Job::by_begin, begin_of> jobs;
 *
 * It is a treap: keys are in search order, priorities in heap order.  An object's priority is a
 * hash of its address, so the shape does not depend on the order of insertion.  A key may change
 * while the object is in the tree if its position among the others does not.
 */
#pragma once

#include <dmsnap/types.h>

#include "base/assert.hpp"

namespace dmsnap {

class TreeHook {
public:
	TreeHook() = default;
	~TreeHook() { DMSNAP_ASSERT(!linked()); }
	TreeHook(const TreeHook &) = delete;
	TreeHook &operator=(const TreeHook &) = delete;

	bool linked() const { return linked_; }

private:
	template <typename T, TreeHook T::*hook, uint64_t (*key_of)(const T &)>
	friend class OrderedTree;

	/* Pointers to objects, not to hooks. */
	void *lower_ = nullptr;
	void *higher_ = nullptr;
	bool linked_ = false;
};

template <typename T, TreeHook T::*hook, uint64_t (*key_of)(const T &)> class OrderedTree {
public:
	OrderedTree() = default;
	~OrderedTree() { DMSNAP_ASSERT(empty()); }
	OrderedTree(const OrderedTree &) = delete;
	OrderedTree &operator=(const OrderedTree &) = delete;

	bool empty() const { return root_ == nullptr; }

	/* @object is in no tree, and no other object in this one has its key. */
	void insert(T &object)
	{
		TreeHook &links = object.*hook;
		DMSNAP_ASSERT(!links.linked_);
		const uint64_t key = key_of(object);
		void **at = &root_;
		while (*at && priority(*at) >= priority(&object))
			at = key < key_at(*at) ? &links_of(*at).lower_ : &links_of(*at).higher_;

		/* The subtree here goes below the new object, split by its key. */
		void *rest = *at;
		*at = &object;
		void **lower = &links.lower_;
		void **higher = &links.higher_;
		while (rest) {
			if (key < key_at(rest)) {
				*higher = rest;
				higher = &links_of(rest).lower_;
				rest = *higher;
			} else {
				*lower = rest;
				lower = &links_of(rest).higher_;
				rest = *lower;
			}
		}
		*lower = nullptr;
		*higher = nullptr;
		links.linked_ = true;
	}

	/* @object is in this tree. */
	void remove(T &object)
	{
		TreeHook &links = object.*hook;
		const uint64_t key = key_of(object);
		void **at = &root_;
		while (*at && *at != &object)
			at = key < key_at(*at) ? &links_of(*at).lower_ : &links_of(*at).higher_;
		DMSNAP_ASSERT(*at == &object);
		if (*at != &object)
			return;

		/* All keys of lower are below those of higher: merge the two by priority. */
		void *lower = links.lower_;
		void *higher = links.higher_;
		while (lower && higher) {
			if (priority(lower) >= priority(higher)) {
				*at = lower;
				at = &links_of(lower).higher_;
				lower = *at;
			} else {
				*at = higher;
				at = &links_of(higher).lower_;
				higher = *at;
			}
		}
		*at = lower ? lower : higher;
		links.lower_ = nullptr;
		links.higher_ = nullptr;
		links.linked_ = false;
	}

	struct Neighbours {
		T *before;
		T *behind;
	};
	/* The object with the greatest key <= @key, and the one with the smallest > @key; or nullptr. */
	Neighbours find_around(uint64_t key) const
	{
		void *before = nullptr;
		void *behind = nullptr;
		for (void *at = root_; at;) {
			if (key_at(at) <= key) {
				before = at;
				at = links_of(at).higher_;
			} else {
				behind = at;
				at = links_of(at).lower_;
			}
		}
		return {static_cast<T *>(before), static_cast<T *>(behind)};
	}

	/* The object with the smallest key, or nullptr. */
	T *first() const
	{
		void *at = root_;
		while (at && links_of(at).lower_)
			at = links_of(at).lower_;
		return static_cast<T *>(at);
	}

private:
	static TreeHook &links_of(void *object) { return static_cast<T *>(object)->*hook; }
	static uint64_t key_at(void *object) { return key_of(*static_cast<T *>(object)); }

	/*
	 * Addresses are regular; two rounds of folding and multiplying by the golden ratio
	 * scatter them.
	 */
	static uint64_t priority(const void *object)
	{
		constexpr uint64_t golden = 0x9e3779b97f4a7c15ull;
		uint64_t bits = reinterpret_cast<uintptr_t>(object);
		bits = (bits ^ (bits >> 32)) * golden;
		bits = (bits ^ (bits >> 32)) * golden;
		return bits ^ (bits >> 32);
	}

	void *root_ = nullptr;
};

} // namespace dmsnap
