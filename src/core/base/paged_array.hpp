// SPDX-License-Identifier: GPL-2.0-only
/*
 * PagedArray<T>: a growing array made of single pages.  It takes little more memory than its
 * values need, and moves none of them.
 *
 * Context: process, may sleep.  Construction only.
 */
#pragma once

#include <span>
#include <type_traits>
#include <utility>

#include <dmsnap/port/memory.h>

#include "base/error.hpp"
#include "base/min_max.hpp"
#include "base/own.hpp"

namespace dmsnap {

template <typename T>
	requires(std::is_trivially_copyable_v<T> &&DMSNAP_PAGE_SIZE % sizeof(T) == 0)
class PagedArray {
public:
	static constexpr size_t per_page = DMSNAP_PAGE_SIZE / sizeof(T);

	PagedArray() = default;
	PagedArray(const PagedArray &) = delete;
	PagedArray &operator=(const PagedArray &) = delete;
	~PagedArray()
	{
		for (size_t i = 0; i < pages_; i++) {
			if (void *page = take_page(i))
				dmsnap_port_page_free(page);
		}
	}

	void swap(PagedArray &other)
	{
		std::swap(directory_, other.directory_);
		std::swap(pages_, other.pages_);
		std::swap(next_, other.next_);
		std::swap(end_, other.end_);
	}

	size_t size() const { return pages_ * per_page - static_cast<size_t>(end_ - next_); }
	T &operator[](size_t i) const { return directory_[i / per_page][i % per_page]; }

	/* Errors: no_memory. */
	Status add(const T &value)
	{
		if (next_ == end_)
			DMSNAP_CHECK(add_page());
		*next_++ = value;
		return {};
	}

	/* Gives an empty array @size undefined values.  Errors: no_memory. */
	Status make(size_t size)
	{
		while (pages_ * per_page < size)
			DMSNAP_CHECK(add_page());
		next_ = end_ - (pages_ * per_page - size);
		return {};
	}

	/* The values, a page at a time. */
	size_t pages() const { return pages_; }
	std::span<T> page(size_t page) const
	{
		const size_t left = size() - page * per_page;
		return {directory_[page], smaller(left, per_page)};
	}
	/*
	 * Passes the page to the caller; its values must not be accessed through the array any
	 * more.
	 */
	void *take_page(size_t page) { return std::exchange(directory_[page], nullptr); }

private:
	/* Rare, so kept out of the fast path. */
	[[gnu::noinline]] Status add_page()
	{
		if (pages_ == directory_.size()) {
			auto larger = DMSNAP_TRY(OwnedArray<T *>::create(pages_ ? 2 * pages_ : 16));
			for (size_t page = 0; page < pages_; page++)
				larger[page] = directory_[page];
			directory_ = std::move(larger);
		}
		void *page = dmsnap_port_page_alloc(DMSNAP_ALLOC_CONSTRUCT);
		if (!page)
			return fail(Error::no_memory);
		next_ = static_cast<T *>(page);
		end_ = next_ + per_page;
		directory_[pages_++] = next_;
		return {};
	}

	OwnedArray<T *> directory_;
	size_t pages_ = 0;
	/* In the last page: where the next value goes, and the page's end. */
	T *next_ = nullptr;
	T *end_ = nullptr;
};

} // namespace dmsnap
