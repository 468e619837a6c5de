// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arena: the memory of the program that is explored.  Each execution begins with an empty, zeroed
 * arena and allocates in the same order as the one before, so an object keeps its address: the
 * address names it from one execution to the next.  Freed memory is not used again, so that a
 * late access to it is noticed.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dmsnap::model {

class Arena {
public:
	static constexpr size_t bytes = size_t{1} << 20;

	Arena();
	Arena(const Arena &) = delete;
	Arena &operator=(const Arena &) = delete;
	~Arena();

	/* Zeroes what was in use, and begins at the same address again. */
	void reset();
	void *allocate(size_t size, size_t alignment);
	/* Returns the size of the allocation that begins at @memory; 0: none does. */
	size_t free(const void *memory);

	bool holds(const void *address) const;
	bool is_freed(const void *address) const;
	/* Of an address inside. */
	uint32_t offset(const void *address) const
	{
		return static_cast<uint32_t>(static_cast<const char *>(address) - memory_);
	}
	const void *address(uint32_t offset) const { return memory_ + offset; }

private:
	struct Allocation {
		const char *begin;
		size_t size;
		bool freed;
	};

	char *memory_;
	size_t used_ = 0;
	std::vector<Allocation> allocations_;
	/* Any at all: most programs free nothing. */
	bool any_freed_ = false;
};

} // namespace dmsnap::model
