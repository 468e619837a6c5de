// SPDX-License-Identifier: GPL-2.0-only
/*
 * List<T, hook>: intrusive doubly linked list.  An object is on at most one
 * list through one hook; neither list nor hook owns anything.
 *
 *   struct Job { ListHook queue_link; };
 *   List<Job, &Job::queue_link> queue;
 */
#pragma once

#include <dmsnap/types.h>

#include "base/assert.hpp"

namespace dmsnap {

class ListHook {
public:
	ListHook() = default;
	~ListHook() { DMSNAP_ASSERT(!linked()); }
	ListHook(const ListHook &) = delete;
	ListHook &operator=(const ListHook &) = delete;

	bool linked() const { return next_ != nullptr; }

	/* Removes the object from its list. */
	void unlink()
	{
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): both are set while linked */
		prev_->next_ = next_;
		next_->prev_ = prev_;
		next_ = nullptr;
		prev_ = nullptr;
	}

private:
	template <typename T, ListHook T::*hook> friend class List;

	void link_before(ListHook &other)
	{
		prev_ = other.prev_;
		next_ = &other;
		prev_->next_ = this;
		other.prev_ = this;
	}

	ListHook *next_ = nullptr;
	ListHook *prev_ = nullptr;
};

template <typename T, ListHook T::*hook> class List {
public:
	List() { reset(); }
	~List()
	{
		DMSNAP_ASSERT(empty());
		reset_head();
	}
	List(const List &) = delete;
	List &operator=(const List &) = delete;

	bool empty() const { return head_.next_ == &head_; }

	void push_back(T &object) { (object.*hook).link_before(head_); }
	void push_front(T &object) { (object.*hook).link_before(*head_.next_); }
	/* Inserts @object before @other, which is on this list. */
	void insert_before(T &other, T &object) { (object.*hook).link_before(other.*hook); }

	T *front() const { return empty() ? nullptr : object_of(head_.next_); }
	T *back() const { return empty() ? nullptr : object_of(head_.prev_); }

	/* The next object of the same list, or nullptr at its end. */
	T *next(T &object) const
	{
		ListHook *after = (object.*hook).next_;
		return after == &head_ ? nullptr : object_of(after);
	}

	T *pop_front()
	{
		T *object = front();
		if (object)
			(object->*hook).unlink();
		return object;
	}

	/* Moves everything of @other to the end of this list. */
	void take_all(List &other)
	{
		if (other.empty())
			return;
		ListHook *first = other.head_.next_;
		ListHook *last = other.head_.prev_;
		first->prev_ = head_.prev_;
		head_.prev_->next_ = first;
		last->next_ = &head_;
		head_.prev_ = last;
		other.reset();
	}

	/* For loops over the list, which may unlink (and free) the object they are at. */
	class Iterator {
	public:
		explicit Iterator(ListHook *at) : at_(at), next_(at->next_) {}

		T &operator*() const { return *object_of(at_); }
		Iterator &operator++()
		{
			at_ = next_;
			next_ = at_->next_;
			return *this;
		}
		bool operator!=(const Iterator &other) const { return at_ != other.at_; }

	private:
		ListHook *at_;
		ListHook *next_;
	};
	Iterator begin() { return Iterator(head_.next_); }
	Iterator end() { return Iterator(&head_); }

private:
	static T *object_of(ListHook *link)
	{
		/*
		 * SAFETY: every hook on this list is the member @hook of a T.  The address is
		 * used only to compute an offset; nothing is read there.
		 */
		constexpr uintptr_t anywhere = 0x10000;
		const T *probe = reinterpret_cast<const T *>(anywhere);
		auto offset = reinterpret_cast<uintptr_t>(&(probe->*hook)) - anywhere;
		return reinterpret_cast<T *>(reinterpret_cast<char *>(link) - offset);
	}

	void reset()
	{
		head_.next_ = &head_;
		head_.prev_ = &head_;
	}
	/* An empty head links to itself; its hook's destructor must not see that. */
	void reset_head()
	{
		head_.next_ = nullptr;
		head_.prev_ = nullptr;
	}

	ListHook head_;
};

} // namespace dmsnap
