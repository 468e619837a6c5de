// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory part of the port.  New memory that need not be zero, and freed memory, is filled
 * with a pattern that cannot be taken for content.
 */
#include <dmsnap/port/memory.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "user/context.hpp"
#include "user/failure.hpp"
#include "user/memory.hpp"
#include "user/world.hpp"

using namespace dmsnap::user;

namespace {

constexpr unsigned char no_content = 0x6b;

/*
 * Freed pages, reused as they are: that is cheaper than malloc, and detects writes to freed
 * pages.  The address sanitizer does that better.
 */
class SparePages {
public:
	void *take()
	{
		if (pages_.empty())
			return nullptr;
		void *page = pages_.back();
		pages_.pop_back();
		static const std::array<unsigned char, DMSNAP_PAGE_SIZE> untouched = [] {
			std::array<unsigned char, DMSNAP_PAGE_SIZE> bytes;
			bytes.fill(no_content);
			return bytes;
		}();
		if (std::memcmp(page, untouched.data(), untouched.size()) != 0)
			report_failure("page %p was written to after it was given back", page);
		return page;
	}
	/* Returns false if there is no room. */
	bool give(void *page)
	{
		constexpr size_t pages_max = 4096;
#ifdef __SANITIZE_ADDRESS__
		return false;
#endif
		if (pages_.size() == pages_max)
			return false;
		pages_.push_back(page);
		return true;
	}
	~SparePages()
	{
		for (void *page : pages_)
			std::free(page);
	}

private:
	std::vector<void *> pages_;
};

thread_local SparePages spare_pages;

/* In front of what dmsnap_port_alloc() returns; keeps its alignment. */
struct alignas(16) Header {
	size_t bytes;
};

void *checked(void *memory)
{
	if (!memory)
		die("the test process is out of memory");
	return memory;
}

} // namespace

/* A pool of the simulated world. */
struct dmsnap_pool {
	std::string name;
	size_t bytes;
	unsigned int reserve;
	/* Both under mutex. */
	unsigned int reserve_left;
	size_t objects_out;
	std::mutex mutex;
};

void *dmsnap_port_alloc(size_t bytes)
{
	check_may_sleep(__func__);
	if (bytes == 0)
		report_failure("dmsnap_port_alloc of 0 bytes");
	World::preempt();
	if (Memory::instance().construct_fails())
		return nullptr;
	auto *header = static_cast<Header *>(checked(std::calloc(1, sizeof(Header) + bytes)));
	header->bytes = bytes;
	Memory::instance().out(header + 1, bytes);
	return header + 1;
}

void dmsnap_port_free(void *memory)
{
	check_may_sleep(__func__);
	if (!memory)
		return;
	auto *header = static_cast<Header *>(memory) - 1;
	if (!Memory::instance().back(memory, "memory", header->bytes))
		return;
	World::check_unreferred(memory, header->bytes, "memory");
	std::memset(memory, no_content, header->bytes);
	std::free(header);
}

void *dmsnap_port_page_alloc(enum dmsnap_alloc_mode mode)
{
	if (mode == DMSNAP_ALLOC_CONSTRUCT)
		check_may_sleep("dmsnap_port_page_alloc(CONSTRUCT)");
	Memory &memory = Memory::instance();
	if (mode == DMSNAP_ALLOC_CONSTRUCT ? memory.construct_fails() : memory.nowait_fails())
		return nullptr;
	void *page = spare_pages.take();
	if (!page) {
		page = checked(std::aligned_alloc(DMSNAP_PAGE_SIZE, DMSNAP_PAGE_SIZE));
		std::memset(page, no_content, DMSNAP_PAGE_SIZE);
	}
	memory.page_out(page);
	return page;
}

void dmsnap_port_page_free(void *page)
{
	if (!Memory::instance().page_back(page))
		return;
	std::memset(page, no_content, DMSNAP_PAGE_SIZE);
	if (!spare_pages.give(page))
		std::free(page);
}

dmsnap_pool *dmsnap_port_pool_create(const char *name, size_t bytes, unsigned int reserve)
{
	check_may_sleep(__func__);
	if (bytes == 0 || reserve == 0)
		report_failure("pool %s of %zu bytes with %u in reserve", name, bytes, reserve);
	if (Memory::instance().construct_fails())
		return nullptr;
	auto *pool = new dmsnap_pool{name, bytes, reserve, reserve, 0, {}};
	Memory::instance().out(pool, 0);
	return pool;
}

void dmsnap_port_pool_destroy(dmsnap_pool *pool)
{
	check_may_sleep(__func__);
	if (pool->objects_out)
		report_failure("pool %s is destroyed with %zu objects out", pool->name.c_str(),
			       pool->objects_out);
	if (Memory::instance().back(pool, "pool", 0))
		delete pool;
}

void *dmsnap_port_pool_get(dmsnap_pool *pool)
{
	bool short_of_memory = Memory::instance().nowait_fails();
	{
		std::lock_guard guard(pool->mutex);
		if (short_of_memory) {
			if (pool->reserve_left == 0) {
				Memory::instance().pool_is_dry();
				return nullptr;
			}
			pool->reserve_left--;
		}
		pool->objects_out++;
	}
	/* 16 is what the kernel's slabs promise for any size. */
	size_t bytes = (pool->bytes + 15) & ~size_t{15};
	void *object = checked(std::aligned_alloc(16, bytes));
	std::memset(object, no_content, bytes);
	Memory::instance().out(object, pool->bytes);
	return object;
}

void dmsnap_port_pool_put(dmsnap_pool *pool, void *object)
{
	if (!Memory::instance().back(object, "pool object", pool->bytes))
		return;
	World::check_unreferred(object, pool->bytes, pool->name.c_str());
	{
		std::lock_guard guard(pool->mutex);
		pool->objects_out--;
		if (pool->reserve_left < pool->reserve)
			pool->reserve_left++;
	}
	std::memset(object, no_content, pool->bytes);
	std::free(object);
}
