// SPDX-License-Identifier: GPL-2.0-only
#include "user/memory.hpp"

#include <dmsnap/port/memory.h>

#include "user/failure.hpp"

namespace dmsnap::user {

Memory &Memory::instance()
{
	static Memory memory;
	return memory;
}

size_t Memory::outstanding() const
{
	std::lock_guard guard(mutex_);
	return objects_.size() + pages_.size();
}

std::string Memory::describe() const
{
	std::lock_guard guard(mutex_);
	return text("%zu objects of %zu bytes and %zu pages", objects_.size(), bytes_,
		    pages_.size());
}

size_t Memory::bytes() const
{
	std::lock_guard guard(mutex_);
	return bytes_ + pages_.size() * DMSNAP_PAGE_SIZE;
}

void Memory::fail_nowait_from(uint64_t n)
{
	std::lock_guard guard(mutex_);
	nowait_from_ = n;
	nowait_requests_ = 0;
}

void Memory::fail_nowait_randomly(uint64_t seed, uint64_t one_in)
{
	std::lock_guard guard(mutex_);
	nowait_one_in_ = one_in;
	random_ = Random(seed);
}

void Memory::fail_construct_at(uint64_t n)
{
	std::lock_guard guard(mutex_);
	construct_at_ = n;
	construct_requests_ = 0;
}

void Memory::fail_construct_randomly(uint64_t seed, uint64_t one_in)
{
	std::lock_guard guard(mutex_);
	construct_one_in_ = one_in;
	random_ = Random(seed);
}

uint64_t Memory::construct_requests() const
{
	std::lock_guard guard(mutex_);
	return construct_requests_;
}

void Memory::fail_nothing()
{
	std::lock_guard guard(mutex_);
	nowait_from_ = never;
	nowait_one_in_ = 0;
	construct_at_ = never;
	construct_one_in_ = 0;
	construct_requests_ = 0;
}

bool Memory::construct_fails()
{
	std::lock_guard guard(mutex_);
	bool fails = construct_requests_++ == construct_at_ ||
		     (construct_one_in_ && random_.one_in(construct_one_in_));
	failures_ += fails;
	return fails;
}

bool Memory::nowait_fails()
{
	std::lock_guard guard(mutex_);
	bool fails = nowait_requests_++ >= nowait_from_ ||
		     (nowait_one_in_ && random_.one_in(nowait_one_in_));
	failures_ += fails;
	return fails;
}

uint64_t Memory::failures() const
{
	std::lock_guard guard(mutex_);
	return failures_;
}

uint64_t Memory::dry_pools() const
{
	std::lock_guard guard(mutex_);
	return dry_pools_;
}

void Memory::pool_is_dry()
{
	std::lock_guard guard(mutex_);
	dry_pools_++;
}

void Memory::out(void *object, size_t bytes)
{
	std::lock_guard guard(mutex_);
	objects_.insert(object);
	bytes_ += bytes;
}

bool Memory::back(void *object, const char *kind, size_t bytes)
{
	{
		std::lock_guard guard(mutex_);
		if (objects_.erase(object)) {
			bytes_ -= bytes;
			return true;
		}
	}
	report_failure("%s %p is given back, but is not out", kind, object);
	return false;
}

bool Memory::is_page(const void *address) const
{
	std::lock_guard guard(mutex_);
	return pages_.contains(address);
}

void Memory::page_out(void *page)
{
	std::lock_guard guard(mutex_);
	pages_.insert(page);
}

bool Memory::page_back(void *page)
{
	{
		std::lock_guard guard(mutex_);
		if (pages_.erase(page))
			return true;
	}
	report_failure("page %p is given back, but is not out", page);
	return false;
}

} // namespace dmsnap::user
