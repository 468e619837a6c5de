// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory part of the port.  Pages come from one array and go back there, and
 * are out of bounds to the address sanitizer meanwhile.
 */
#include <dmsnap/port/memory.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "fuzz/port/context.hpp"
#include "fuzz/port/memory.hpp"

#if defined(__has_feature) && __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes) static_cast<void>(0)
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) static_cast<void>(0)
#endif

using namespace dmsnap::fuzz;

/* A pool of objects. */
struct dmsnap_pool {
	size_t bytes;
	unsigned int reserve;
	unsigned int reserve_left;
	size_t objects_out;
};

namespace {

constexpr unsigned char fresh_byte = 0xa5;
constexpr size_t pages_max = Memory::bytes_max / DMSNAP_PAGE_SIZE;

/* In front of what dmsnap_port_alloc() returns; keeps its alignment. */
struct alignas(16) Header {
	static constexpr uint64_t valid = 0x6d6d656d646d736e;
	uint64_t magic;
	size_t bytes;
};

struct Page {
	alignas(DMSNAP_PAGE_SIZE) unsigned char bytes[DMSNAP_PAGE_SIZE];
};

Page pages[pages_max];
bool page_is_out[pages_max];
unsigned int free_pages[pages_max];
/* Of free_pages; pages from first_unused on were never out. */
size_t free_count = 0;
unsigned int first_unused = 0;

void count_out(size_t bytes)
{
	memory.bytes_out += bytes;
	if (memory.bytes_out > Memory::bytes_max)
		die("%zu bytes of memory are out, for so small devices", memory.bytes_out);
}

} // namespace

namespace dmsnap::fuzz {

Memory memory;

bool is_page(const void *address)
{
	size_t distance =
		static_cast<size_t>(static_cast<const unsigned char *>(address) - pages[0].bytes);
	return distance < sizeof(pages) && distance % DMSNAP_PAGE_SIZE == 0 &&
	       page_is_out[distance / DMSNAP_PAGE_SIZE];
}

} // namespace dmsnap::fuzz

void *dmsnap_port_alloc(size_t bytes)
{
	check_may_sleep(__func__);
	if (bytes == 0)
		die("dmsnap_port_alloc of 0 bytes");
	count_out(bytes);
	memory.objects_out++;
	auto *header = static_cast<Header *>(std::calloc(1, sizeof(Header) + bytes));
	*header = {Header::valid, bytes};
	return header + 1;
}

void dmsnap_port_free(void *object)
{
	check_may_sleep(__func__);
	if (!object)
		return;
	auto *header = static_cast<Header *>(object) - 1;
	if (header->magic != Header::valid)
		die("memory %p is given back, but is not out", object);
	header->magic = 0;
	memory.objects_out--;
	memory.bytes_out -= header->bytes;
	std::free(header);
}

void *dmsnap_port_page_alloc(dmsnap_alloc_mode mode)
{
	if (mode == DMSNAP_ALLOC_CONSTRUCT)
		check_may_sleep("dmsnap_port_page_alloc(CONSTRUCT)");
	else if (memory.is_short)
		return nullptr;
	count_out(DMSNAP_PAGE_SIZE);
	memory.pages_out++;
	unsigned int page = free_count ? free_pages[--free_count] : first_unused++;
	page_is_out[page] = true;
	ASAN_UNPOISON_MEMORY_REGION(pages[page].bytes, DMSNAP_PAGE_SIZE);
	std::memset(pages[page].bytes, fresh_byte, DMSNAP_PAGE_SIZE);
	return pages[page].bytes;
}

void dmsnap_port_page_free(void *address)
{
	if (!is_page(address))
		die("page %p is given back, but is not out", address);
	auto page = static_cast<unsigned int>(static_cast<Page *>(address) - pages);
	page_is_out[page] = false;
	free_pages[free_count++] = page;
	ASAN_POISON_MEMORY_REGION(address, DMSNAP_PAGE_SIZE);
	memory.pages_out--;
	memory.bytes_out -= DMSNAP_PAGE_SIZE;
}

dmsnap_pool *dmsnap_port_pool_create(const char *, size_t bytes, unsigned int reserve)
{
	check_may_sleep(__func__);
	if (bytes == 0 || reserve == 0)
		die("a pool of %zu bytes with %u in reserve", bytes, reserve);
	memory.objects_out++;
	return new dmsnap_pool{bytes, reserve, reserve, 0};
}

void dmsnap_port_pool_destroy(dmsnap_pool *pool)
{
	check_may_sleep(__func__);
	if (pool->objects_out)
		die("a pool is destroyed with %zu objects out", pool->objects_out);
	memory.objects_out--;
	delete pool;
}

void *dmsnap_port_pool_get(dmsnap_pool *pool)
{
	if (memory.is_short) {
		if (pool->reserve_left == 0)
			return nullptr;
		pool->reserve_left--;
	}
	count_out(pool->bytes);
	memory.objects_out++;
	pool->objects_out++;
	void *object = std::malloc(pool->bytes);
	std::memset(object, fresh_byte, pool->bytes);
	return object;
}

void dmsnap_port_pool_put(dmsnap_pool *pool, void *object)
{
	if (pool->objects_out-- == 0)
		die("a pool gets back an object more than it had out");
	if (pool->reserve_left < pool->reserve)
		pool->reserve_left++;
	memory.objects_out--;
	memory.bytes_out -= pool->bytes;
	std::free(object);
}
