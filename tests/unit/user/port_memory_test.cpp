// SPDX-License-Identifier: GPL-2.0-only
#include <cstring>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <dmsnap/port/memory.h>

#include "user/failure.hpp"
#include "user/memory.hpp"
#include "user/world.hpp"

namespace dmsnap::user {
namespace {

TEST(PortMemory, allocated_memory_is_zero_and_aligned)
{
	for (size_t bytes : {1, 17, 4096, 100'000}) {
		auto *memory = static_cast<unsigned char *>(dmsnap_port_alloc(bytes));
		ASSERT_NE(memory, nullptr);
		EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 16, 0u);
		EXPECT_EQ(std::vector<unsigned char>(memory, memory + bytes),
			  std::vector<unsigned char>(bytes));
		dmsnap_port_free(memory);
	}
	dmsnap_port_free(nullptr);
}

TEST(PortMemory, a_page_is_aligned_to_its_size)
{
	void *page = dmsnap_port_page_alloc(DMSNAP_ALLOC_NOWAIT);
	EXPECT_EQ(reinterpret_cast<uintptr_t>(page) % DMSNAP_PAGE_SIZE, 0u);
	dmsnap_port_page_free(page);
}

TEST(PortMemory, a_pool_without_memory_still_gives_its_reserve_and_no_more)
{
	dmsnap_pool *pool = dmsnap_port_pool_create("test", 40, 3);
	Memory::instance().fail_nowait_from(0);
	std::vector<void *> out;
	for (int i = 0; i < 3; i++) {
		out.push_back(dmsnap_port_pool_get(pool));
		ASSERT_NE(out.back(), nullptr);
	}
	EXPECT_EQ(dmsnap_port_pool_get(pool), nullptr);
	dmsnap_port_pool_put(pool, out.back());
	out.back() = dmsnap_port_pool_get(pool);
	EXPECT_NE(out.back(), nullptr);
	for (void *object : out)
		dmsnap_port_pool_put(pool, object);
	dmsnap_port_pool_destroy(pool);
}

TEST(PortMemory, an_object_given_back_refills_the_reserve_first)
{
	dmsnap_pool *pool = dmsnap_port_pool_create("test", 8, 1);
	void *from_memory = dmsnap_port_pool_get(pool);
	Memory::instance().fail_nowait_from(0);
	void *from_reserve = dmsnap_port_pool_get(pool);
	ASSERT_NE(from_reserve, nullptr);
	dmsnap_port_pool_put(pool, from_memory);
	void *again = dmsnap_port_pool_get(pool);
	EXPECT_NE(again, nullptr);
	dmsnap_port_pool_put(pool, again);
	dmsnap_port_pool_put(pool, from_reserve);
	dmsnap_port_pool_destroy(pool);
}

TEST(PortMemory, construction_fails_at_the_request_asked_for_and_only_there)
{
	Memory::instance().fail_construct_at(1);
	void *first = dmsnap_port_alloc(8);
	EXPECT_NE(first, nullptr);
	EXPECT_EQ(dmsnap_port_page_alloc(DMSNAP_ALLOC_CONSTRUCT), nullptr);
	EXPECT_NE(first, nullptr);
	void *third = dmsnap_port_alloc(8);
	EXPECT_NE(third, nullptr);
	EXPECT_EQ(Memory::instance().construct_requests(), 3u);
	dmsnap_port_free(first);
	dmsnap_port_free(third);
}

TEST(PortMemory, a_world_reports_leaks)
{
	void *page = nullptr;
	FailureCapture capture;
	{
		World world;
		page = dmsnap_port_page_alloc(DMSNAP_ALLOC_NOWAIT);
	}
	EXPECT_TRUE(capture.saw("memory is left over"));
	dmsnap_port_page_free(page);
}

TEST(PortMemory, giving_back_twice_is_reported)
{
	void *page = dmsnap_port_page_alloc(DMSNAP_ALLOC_NOWAIT);
	dmsnap_port_page_free(page);
	FailureCapture capture;
	dmsnap_port_page_free(page);
	EXPECT_TRUE(capture.saw("is not out"));
}

TEST(PortMemory, a_pool_destroyed_with_an_object_out_is_reported)
{
	dmsnap_pool *pool = dmsnap_port_pool_create("test", 8, 1);
	void *object = dmsnap_port_pool_get(pool);
	FailureCapture capture;
	dmsnap_port_pool_destroy(pool);
	EXPECT_TRUE(capture.saw("objects out"));
	EXPECT_TRUE(Memory::instance().back(object, "pool object", 8));
	std::free(object);
}

TEST(PortMemory, real_threads_may_use_pages_at_the_same_time)
{
	size_t before = Memory::instance().outstanding();
	std::vector<std::thread> threads;
	for (int i = 0; i < 4; i++)
		threads.emplace_back([i] {
			for (int n = 0; n < 2000; n++) {
				void *page = dmsnap_port_page_alloc(DMSNAP_ALLOC_NOWAIT);
				std::memset(page, i, DMSNAP_PAGE_SIZE);
				dmsnap_port_page_free(page);
			}
		});
	for (std::thread &thread : threads)
		thread.join();
	EXPECT_EQ(Memory::instance().outstanding(), before);
}

} // namespace
} // namespace dmsnap::user
