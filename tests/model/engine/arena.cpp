// SPDX-License-Identifier: GPL-2.0-only
#include "model/engine/arena.hpp"

#include <cstdlib>
#include <cstring>

namespace dmsnap::model {

namespace {

constexpr size_t page_bytes = 4096;

} // namespace

Arena::Arena() : memory_(static_cast<char *>(std::aligned_alloc(page_bytes, bytes)))
{
	if (!memory_)
		std::abort();
	std::memset(memory_, 0, bytes);
}

Arena::~Arena()
{
	std::free(memory_);
}

void Arena::reset()
{
	std::memset(memory_, 0, used_);
	used_ = 0;
	allocations_.clear();
	any_freed_ = false;
}

void *Arena::allocate(size_t size, size_t alignment)
{
	const size_t begin = (used_ + alignment - 1) & ~(alignment - 1);
	if (begin + size > bytes)
		std::abort();
	used_ = begin + size;
	allocations_.push_back({memory_ + begin, size, false});
	return memory_ + begin;
}

size_t Arena::free(const void *memory)
{
	for (Allocation &allocation : allocations_) {
		if (allocation.begin != memory || allocation.freed)
			continue;
		allocation.freed = true;
		any_freed_ = true;
		return allocation.size;
	}
	return 0;
}

bool Arena::holds(const void *address) const
{
	const char *at = static_cast<const char *>(address);
	return at >= memory_ && at < memory_ + used_;
}

bool Arena::is_freed(const void *address) const
{
	if (!any_freed_)
		return false;
	const char *at = static_cast<const char *>(address);
	for (const Allocation &allocation : allocations_) {
		if (allocation.freed && at >= allocation.begin &&
		    at < allocation.begin + allocation.size)
			return true;
	}
	return false;
}

} // namespace dmsnap::model
