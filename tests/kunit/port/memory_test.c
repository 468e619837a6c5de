// SPDX-License-Identifier: GPL-2.0-only
/* port/memory.h: the alignment, contents, contexts and reserves that it promises. */
#include <dmsnap/port/memory.h>
#include <linux/gfp.h>
#include <linux/irqflags.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/string.h>

#include "kunit/suites.h"

#define RESERVE 5

static void memory_is_zeroed_and_aligned(struct kunit *test)
{
	static const size_t sizes[] = {1, 8, 24, 40, 96, 100, 192, 193, 1000, 4096, 5000, 1 << 20};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		void *memory = dmsnap_port_alloc(sizes[i]);

		KUNIT_ASSERT_NOT_NULL(test, memory);
		KUNIT_EXPECT_EQ(test, (unsigned long)memory % 16, 0);
		KUNIT_EXPECT_NULL(test, memchr_inv(memory, 0, sizes[i]));
		memset(memory, 0xff, sizes[i]);
		dmsnap_port_free(memory);
	}
	dmsnap_port_free(NULL);
}

static void pages_come_with_interrupts_off(struct kunit *test)
{
	unsigned long flags;
	void *page;

	local_irq_save(flags);
	page = dmsnap_port_page_alloc(DMSNAP_ALLOC_NOWAIT);
	if (page)
		memset(page, 0xff, DMSNAP_PAGE_SIZE);
	local_irq_restore(flags);
	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_EQ(test, (unsigned long)page % DMSNAP_PAGE_SIZE, 0);
	local_irq_save(flags);
	dmsnap_port_page_free(page);
	local_irq_restore(flags);
}

/* Takes all memory that does not need the emergency reserve. */
static void take_all_memory(struct list_head *blocks)
{
	unsigned int order = 9;

	for (;;) {
		struct page *block =
			alloc_pages(GFP_NOWAIT | __GFP_NOWARN | __GFP_NOMEMALLOC, order);

		if (block) {
			set_page_private(block, order);
			list_add(&block->lru, blocks);
		} else if (order-- == 0) {
			return;
		}
	}
}

static void free_all_memory(struct list_head *blocks)
{
	struct page *block, *next;

	list_for_each_entry_safe(block, next, blocks, lru) {
		unsigned int order = page_private(block);

		set_page_private(block, 0);
		__free_pages(block, order);
	}
}

/* Reclaim writes a page in its own context, which may use all reserves. */
static unsigned int pages_in_reclaim(void **pages, unsigned int count)
{
	unsigned int taken = 0, flags = memalloc_noreclaim_save();

	while (taken < count) {
		pages[taken] = dmsnap_port_page_alloc(DMSNAP_ALLOC_NOWAIT);
		if (!pages[taken])
			break;
		taken++;
	}
	memalloc_noreclaim_restore(flags);
	return taken;
}

static void pages_do_not_come_out_of_the_emergency_reserve(struct kunit *test)
{
	unsigned int round, taken, i, least = 64;
	void *pages[64];

	/* Other code may free memory at a bad moment, but not each time. */
	for (round = 0; round < 5 && least; round++) {
		LIST_HEAD(blocks);

		preempt_disable();
		take_all_memory(&blocks);
		taken = pages_in_reclaim(pages, ARRAY_SIZE(pages));
		free_all_memory(&blocks);
		preempt_enable();
		for (i = 0; i < taken; i++)
			dmsnap_port_page_free(pages[i]);
		least = min(least, taken);
	}
	KUNIT_EXPECT_LT(test, least, ARRAY_SIZE(pages));
}

static void pool_has_its_reserve_with_interrupts_off(struct kunit *test)
{
	struct dmsnap_pool *pool = dmsnap_port_pool_create("kunit_reserve", 72, RESERVE);
	void *objects[RESERVE];
	unsigned long flags;
	int i, missing = 0;

	KUNIT_ASSERT_NOT_NULL(test, pool);
	local_irq_save(flags);
	for (i = 0; i < RESERVE; i++) {
		objects[i] = dmsnap_port_pool_get(pool);
		if (objects[i])
			memset(objects[i], i, 72);
		else
			missing++;
	}
	for (i = 0; i < RESERVE; i++) {
		if (!objects[i])
			continue;
		if (memchr_inv(objects[i], i, 72))
			missing++;
		dmsnap_port_pool_put(pool, objects[i]);
	}
	local_irq_restore(flags);
	KUNIT_EXPECT_EQ(test, missing, 0);
	dmsnap_port_pool_destroy(pool);
}

static void pools_of_one_name_live_side_by_side(struct kunit *test)
{
	struct dmsnap_pool *one = dmsnap_port_pool_create("kunit_shared", 40, 1);
	struct dmsnap_pool *other = dmsnap_port_pool_create("kunit_shared", 40, 1);
	void *object;

	KUNIT_ASSERT_NOT_NULL(test, one);
	KUNIT_ASSERT_NOT_NULL(test, other);
	dmsnap_port_pool_destroy(one);
	object = dmsnap_port_pool_get(other);
	KUNIT_EXPECT_NOT_NULL(test, object);
	KUNIT_EXPECT_EQ(test, (unsigned long)object % 16, 0);
	dmsnap_port_pool_put(other, object);
	dmsnap_port_pool_destroy(other);
	/* All pools are destroyed, so the name can have another size. */
	one = dmsnap_port_pool_create("kunit_shared", 400, 1);
	KUNIT_ASSERT_NOT_NULL(test, one);
	dmsnap_port_pool_destroy(one);
}

static struct kunit_case memory_cases[] = {
	KUNIT_CASE(memory_is_zeroed_and_aligned),
	KUNIT_CASE(pages_come_with_interrupts_off),
	KUNIT_CASE(pages_do_not_come_out_of_the_emergency_reserve),
	KUNIT_CASE(pool_has_its_reserve_with_interrupts_off),
	KUNIT_CASE(pools_of_one_name_live_side_by_side),
	{},
};

struct kunit_suite dmsnap_memory_suite = {
	.name = "dmsnap-memory",
	.test_cases = memory_cases,
};
