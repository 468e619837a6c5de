// SPDX-License-Identifier: GPL-2.0-only
/*
 * ListTail: the last exceptions of a persistent store, in their on-disk format, so that a merge
 * can take them off the list.  See persistent_merge.cpp.
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
#include "store/metadata_block.hpp"

namespace dmsnap {

class ListTail {
public:
	/* Called once for each request to the store, on its worker. */
	using Done = void (*)(ListTail &);

	static constexpr unsigned int blocks_max = 8;
	static constexpr uint32_t exceptions_max =
		blocks_max * metadata_bytes_max / static_cast<uint32_t>(format::exception_bytes);

	explicit ListTail(Done function) : done_(function) {}
	~ListTail();
	ListTail(const ListTail &) = delete;
	ListTail &operator=(const ListTail &) = delete;

	/* Allocates the pages.  Context: process, may sleep. */
	Status allocate();

	/* Sets the most exceptions that read_tail() reads, > 0. */
	void limit(uint32_t max) { max_ = max; }
	uint32_t count() const { return count_; }
	/* The @i-th exception, in the order of the list. */
	format::Exception at(uint32_t i) const;

	/* The result of the last request. */
	Status status;

private:
	friend class PersistentStore;

	Done done_;
	/* Number of the first exception in the whole list. */
	uint64_t first_ = 0;
	uint32_t max_ = exceptions_max;
	uint32_t count_ = 0;
	uint32_t slots_per_block_ = 1;
	/* The blocks as read. */
	void *blocks_[blocks_max] = {};
	/*
	 * The first exception's block as it will be after the cut, and a page of zeros for the
	 * blocks after it.
	 */
	void *first_block_ = nullptr;
	void *zeros_ = nullptr;
	/* Reads in flight, an error of any I/O, and how to report it. */
	Atomic<uint32_t> reads_;
	Atomic<int> error_;
	Error failure_ = Error::read_failed;
};

} // namespace dmsnap
