// SPDX-License-Identifier: GPL-2.0-only
/*
 * ListTail: the last exceptions of a persistent store, in memory as they are on
 * disk, so that a merge can take them off the list.  See persistent_merge.cpp.
 *
 *   list      ... | block | block | block ... slot |  0 0 0
 *                      ^ first        count of them ^ end of the list
 *
 * Up to blocks_max blocks, which may belong to several areas.
 */
#pragma once

#include <dmsnap/port/memory.h>

#include "base/atomic.hpp"
#include "base/error.hpp"
#include "format/disk_exception.hpp"

namespace dmsnap {

class ListTail {
public:
	/* Called once for each request to the store, on its worker. */
	using Done = void (*)(ListTail &);

	static constexpr unsigned int blocks_max = 8;
	/* No block has more. */
	static constexpr uint32_t exceptions_max =
		blocks_max * DMSNAP_PAGE_SIZE / static_cast<uint32_t>(format::exception_bytes);

	explicit ListTail(Done function) : done_(function) {}
	~ListTail();
	ListTail(const ListTail &) = delete;
	ListTail &operator=(const ListTail &) = delete;

	/* Gets the pages.  Context: process, may sleep. */
	Status allocate();

	/* How many exceptions read_tail() takes at most: > 0. */
	void limit(uint32_t max) { max_ = max; }
	uint32_t count() const { return count_; }
	/* The @i-th of them, in the order of the list. */
	format::Exception at(uint32_t i) const;

	/* Of the last request. */
	Status status;

private:
	friend class PersistentStore;

	Done done_;
	/* Number of the first exception in the whole list. */
	uint64_t first_ = 0;
	uint32_t max_ = exceptions_max;
	uint32_t count_ = 0;
	uint32_t slots_per_block_ = 1;
	/* As read. */
	void *blocks_[blocks_max] = {};
	/* Its block as it will be, and one of zeros for those behind it. */
	void *first_block_ = nullptr;
	void *zeros_ = nullptr;
	/* Reads in flight; an error of one; what it then was that failed. */
	Atomic<uint32_t> reads_;
	Atomic<int> error_;
	Error failure_ = Error::read_failed;
};

} // namespace dmsnap
