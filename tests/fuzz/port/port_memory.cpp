// SPDX-License-Identifier: GPL-2.0-only
/*
 * The port's memory.  Pages and objects of pools come from arrays and return to them; the address
 * sanitizer guards free ones.  So their addresses, which shape the core's trees, depend on the
 * input alone.
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

struct dmsnap_pool {
	size_t bytes;
	unsigned int reserve;
	unsigned int reserve_left;
	size_t objects_out;
};

namespace {

constexpr unsigned char fresh_byte = 0xa5;
constexpr size_t pages_max = Memory::bytes_max / DMSNAP_PAGE_SIZE;

/* Lies before what dmsnap_port_alloc() returns, and keeps its alignment. */
struct alignas(16) Header {
	static constexpr uint64_t valid = 0x6d6d656d646d736e;
	uint64_t magic;
	size_t bytes;
};

/* An array of pieces of equal size. */
template <size_t bytes, size_t count> class Store {
public:
	void *take(size_t wanted)
	{
		if (free_count_ == 0 && first_unused_ == count)
			die("%zu pieces of %zu bytes of memory are allocated", count, bytes);
		unsigned int piece = free_count_ ? free_[--free_count_] : first_unused_++;
		is_out_[piece] = true;
		unsigned char *begin = pieces_[piece].memory;
		ASAN_UNPOISON_MEMORY_REGION(begin, wanted);
		ASAN_POISON_MEMORY_REGION(begin + wanted, bytes - wanted);
		std::memset(begin, fresh_byte, wanted);
		return begin;
	}
	void give_back(void *address)
	{
		if (!is_out(address))
			die("memory %p is freed, but is not allocated", address);
		auto piece = static_cast<unsigned int>(static_cast<Piece *>(address) - pieces_);
		is_out_[piece] = false;
		free_[free_count_++] = piece;
		ASAN_POISON_MEMORY_REGION(address, bytes);
	}
	bool is_out(const void *address) const
	{
		auto distance = static_cast<size_t>(static_cast<const unsigned char *>(address) -
						    pieces_[0].memory);
		return distance < sizeof(pieces_) && distance % bytes == 0 &&
		       is_out_[distance / bytes];
	}

private:
	struct alignas(bytes) Piece {
		unsigned char memory[bytes];
	};

	Piece pieces_[count];
	bool is_out_[count];
	unsigned int free_[count];
	size_t free_count_;
	/* Pieces from here on have never been allocated. */
	unsigned int first_unused_;
};

constexpr size_t object_bytes = 1024;
constexpr size_t objects_max = 16384;

Store<DMSNAP_PAGE_SIZE, pages_max> pages;
Store<object_bytes, objects_max> objects;

void count_out(size_t bytes)
{
	memory.bytes_out += bytes;
	if (memory.bytes_out > Memory::bytes_max)
		die("%zu bytes of memory are allocated, for such small devices", memory.bytes_out);
}

} // namespace

namespace dmsnap::fuzz {

Memory memory;

bool is_page(const void *address)
{
	return pages.is_out(address);
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
		die("memory %p is freed, but is not allocated", object);
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
	return pages.take(DMSNAP_PAGE_SIZE);
}

void dmsnap_port_page_free(void *address)
{
	pages.give_back(address);
	memory.pages_out--;
	memory.bytes_out -= DMSNAP_PAGE_SIZE;
}

dmsnap_pool *dmsnap_port_pool_create(const char *, size_t bytes, unsigned int reserve)
{
	check_may_sleep(__func__);
	if (bytes == 0 || bytes > object_bytes || reserve == 0)
		die("a pool of %zu bytes with %u in reserve", bytes, reserve);
	memory.objects_out++;
	return new dmsnap_pool{bytes, reserve, reserve, 0};
}

void dmsnap_port_pool_destroy(dmsnap_pool *pool)
{
	check_may_sleep(__func__);
	if (pool->objects_out)
		die("a pool is destroyed with %zu objects in use", pool->objects_out);
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
	return objects.take(pool->bytes);
}

void dmsnap_port_pool_put(dmsnap_pool *pool, void *object)
{
	if (pool->objects_out-- == 0)
		die("a pool gets back more objects than were in use");
	if (pool->reserve_left < pool->reserve)
		pool->reserve_left++;
	memory.objects_out--;
	memory.bytes_out -= pool->bytes;
	objects.give_back(object);
}
