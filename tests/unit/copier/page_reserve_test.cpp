// SPDX-License-Identifier: GPL-2.0-only
#include "copier/page_reserve.hpp"

#include <memory>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include <dmsnap/port/memory.h>

#include "user/memory.hpp"

namespace dmsnap::test {
namespace {

using user::Memory;

std::vector<void *> take(PageReserve &reserve, size_t wanted)
{
	std::vector<void *> pages(wanted);
	pages.resize(reserve.take(pages));
	return pages;
}

TEST(PageReserve, hands_out_pages_up_to_its_cap)
{
	for (size_t step : {1, 7, 64, 65}) {
		PageReserve reserve;
		ASSERT_TRUE(reserve.fill());
		std::vector<void *> all;
		for (;;) {
			std::vector<void *> pages = take(reserve, step);
			all.insert(all.end(), pages.begin(), pages.end());
			EXPECT_EQ(reserve.out(), all.size());
			if (pages.size() < step)
				break;
		}
		EXPECT_EQ(all.size(), PageReserve::pages_max);
		EXPECT_EQ(std::set<void *>(all.begin(), all.end()).size(), all.size());
		EXPECT_TRUE(take(reserve, 1).empty());
		reserve.give_back(all);
		EXPECT_EQ(reserve.out(), 0u);
		EXPECT_TRUE(reserve.keeps_any());
		EXPECT_EQ(Memory::instance().bytes(),
			  PageReserve::pages_kept * size_t{DMSNAP_PAGE_SIZE});
		reserve.trim();
		EXPECT_FALSE(reserve.keeps_any());
		EXPECT_EQ(Memory::instance().bytes(),
			  PageReserve::pages_reserved * size_t{DMSNAP_PAGE_SIZE});
	}
}

TEST(PageReserve, uses_its_own_and_kept_pages_before_the_system_s)
{
	PageReserve reserve;
	ASSERT_TRUE(reserve.fill());
	std::vector<void *> pages = take(reserve, PageReserve::pages_reserved);
	reserve.give_back(pages);
	EXPECT_FALSE(reserve.keeps_any());
	pages = take(reserve, PageReserve::pages_kept);
	ASSERT_EQ(pages.size(), PageReserve::pages_kept);
	reserve.give_back(pages);
	Memory::instance().fail_nowait_from(0);
	pages = take(reserve, PageReserve::pages_kept + 100);
	Memory::instance().fail_nothing();
	EXPECT_EQ(pages.size(), PageReserve::pages_kept);
	reserve.give_back(pages);
}

TEST(PageReserve, has_its_own_when_memory_is_short)
{
	PageReserve reserve;
	ASSERT_TRUE(reserve.fill());
	for (int round = 0; round < 3; round++) {
		Memory::instance().fail_nowait_from(static_cast<uint64_t>(round) * 5);
		std::vector<void *> pages = take(reserve, 200);
		EXPECT_EQ(pages.size(),
			  PageReserve::pages_reserved + static_cast<size_t>(round) * 5);
		reserve.give_back(pages);
		reserve.trim();
		Memory::instance().fail_nothing();
	}
}

TEST(PageReserve, fills_up_before_it_gives_back_to_the_system)
{
	PageReserve reserve;
	ASSERT_TRUE(reserve.fill());
	Memory::instance().fail_nowait_from(10);
	std::vector<void *> pages = take(reserve, 75);
	ASSERT_EQ(pages.size(), 75u);
	/* All of its own pages are in use, so it keeps the first that return. */
	std::vector<void *> some(pages.begin(), pages.begin() + 20);
	reserve.give_back(some);
	EXPECT_EQ(take(reserve, 20).size(), 20u);
	reserve.give_back(pages);
	Memory::instance().fail_nothing();
}

TEST(PageReserve, shares_a_cap_with_all_others_of_the_module)
{
	std::vector<std::unique_ptr<PageReserve>> reserves;
	std::vector<std::vector<void *>> out;
	size_t from_system = 0;
	for (int i = 0; i < 12; i++) {
		reserves.push_back(std::make_unique<PageReserve>());
		ASSERT_TRUE(reserves.back()->fill());
		out.push_back(take(*reserves.back(), 5000));
		EXPECT_GE(out.back().size(), PageReserve::pages_reserved);
		from_system += out.back().size() - PageReserve::pages_reserved;
	}
	EXPECT_EQ(from_system, PageReserve::module_pages_max);
	/* A page that one reserve gives back is available to another. */
	reserves[0]->give_back(out[0]);
	reserves[0]->trim();
	out[0].clear();
	std::vector<void *> more = take(*reserves[11], 3000);
	EXPECT_EQ(more.size() + out[11].size(), PageReserve::pages_max);
	reserves[11]->give_back(more);
	for (size_t i = 1; i < 12; i++)
		reserves[i]->give_back(out[i]);
	reserves.clear();
	/* Only pages in use count against the cap. */
	PageReserve last;
	ASSERT_TRUE(last.fill());
	std::vector<void *> pages = take(last, 3000);
	EXPECT_EQ(pages.size(), PageReserve::pages_max);
	last.give_back(pages);
}

TEST(PageReserve, that_cannot_be_filled_says_so_and_leaks_nothing)
{
	for (uint64_t n : {0, 1, 64}) {
		PageReserve reserve;
		Memory::instance().fail_construct_at(n);
		auto status = reserve.fill();
		Memory::instance().fail_nothing();
		ASSERT_FALSE(status);
		EXPECT_EQ(status.error(), Error::no_memory);
	}
}

} // namespace
} // namespace dmsnap::test
