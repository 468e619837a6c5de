// SPDX-License-Identifier: GPL-2.0-only
/*
 * port/work.h: items run as often as they were queued, in order if one processor queued them, and
 * never after they were cancelled.
 */
#include <dmsnap/port/lock.h>
#include <dmsnap/port/work.h>
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>

#include "kunit/suites.h"

#define ITEMS 8

/* An item and what it did. */
struct item {
	struct dmsnap_work work;
	struct dmsnap_event begun;
	struct dmsnap_event may_end;
	bool waits;
	unsigned int runs;
	unsigned int number;
	atomic_t inside;
	struct fixture *fixture;
};

/* A queue, and the order in which its items ran. */
struct fixture {
	struct dmsnap_work_queue *queue;
	struct item items[ITEMS];
	unsigned int order[2 * ITEMS];
	unsigned int ran;
	/* An item ran twice at the same time. */
	bool overlapped;
};

static void item_run(void *ctx)
{
	struct item *item = ctx;
	struct fixture *fixture = item->fixture;

	if (atomic_inc_return(&item->inside) != 1)
		fixture->overlapped = true;
	if (fixture->ran < ARRAY_SIZE(fixture->order))
		fixture->order[fixture->ran++] = item->number;
	item->runs++;
	dmsnap_port_event_set(&item->begun);
	if (item->waits)
		dmsnap_port_event_wait(&item->may_end);
	atomic_dec(&item->inside);
}

static int work_case_init(struct kunit *test)
{
	struct fixture *fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);
	unsigned int i;

	if (!fixture)
		return -ENOMEM;
	fixture->queue = dmsnap_port_work_queue_create("kunit");
	if (!fixture->queue)
		return -ENOMEM;
	for (i = 0; i < ITEMS; i++) {
		struct item *item = &fixture->items[i];

		item->fixture = fixture;
		item->number = i;
		dmsnap_port_event_init(&item->begun);
		dmsnap_port_event_init(&item->may_end);
		dmsnap_port_work_init(&item->work, item_run, item);
	}
	test->priv = fixture;
	return 0;
}

static void work_case_exit(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int i;

	if (!fixture)
		return;
	for (i = 0; i < ITEMS; i++)
		dmsnap_port_event_set(&fixture->items[i].may_end);
	for (i = 0; i < ITEMS; i++)
		dmsnap_port_work_cancel(&fixture->items[i].work);
	dmsnap_port_work_queue_destroy(fixture->queue);
	KUNIT_EXPECT_FALSE(test, fixture->overlapped);
}

static void run(struct fixture *fixture, unsigned int number)
{
	dmsnap_port_work_run(fixture->queue, &fixture->items[number].work);
}

/* Item 0 blocks the queue on this processor until unblock_queue(). */
static void block_queue(struct fixture *fixture)
{
	migrate_disable();
	fixture->items[0].waits = true;
	run(fixture, 0);
	dmsnap_port_event_wait(&fixture->items[0].begun);
}

static void unblock_queue(struct fixture *fixture)
{
	dmsnap_port_event_set(&fixture->items[0].may_end);
	migrate_enable();
}

static void items_run_once_each_in_the_order_asked_for(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int i;

	block_queue(fixture);
	for (i = ITEMS - 1; i > 0; i--) {
		run(fixture, i);
		run(fixture, i);
	}
	for (i = 1; i < ITEMS; i++)
		KUNIT_EXPECT_EQ(test, fixture->items[i].runs, 0);
	unblock_queue(fixture);
	dmsnap_port_event_wait(&fixture->items[1].begun);
	for (i = 0; i < ITEMS; i++)
		KUNIT_EXPECT_EQ(test, fixture->items[i].runs, 1);
	for (i = 1; i < ITEMS; i++)
		KUNIT_EXPECT_EQ(test, fixture->order[i], ITEMS - i);
}

static void item_asked_while_it_runs_runs_again(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	block_queue(fixture);
	run(fixture, 0);
	run(fixture, 0);
	run(fixture, 1);
	unblock_queue(fixture);
	dmsnap_port_event_wait(&fixture->items[1].begun);
	KUNIT_EXPECT_EQ(test, fixture->items[0].runs, 2);
}

static void delay_is_kept(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct item *item = &fixture->items[1];
	u64 begin = dmsnap_port_now_ns();

	dmsnap_port_work_run_after(fixture->queue, &item->work, 50);
	dmsnap_port_event_wait(&item->begun);
	/* The timer may be one tick early. */
	KUNIT_EXPECT_GE(test, dmsnap_port_now_ns() - begin, 50000000ull - TICK_NSEC);
	dmsnap_port_work_cancel(&item->work);
	KUNIT_EXPECT_EQ(test, item->runs, 1);
}

static void earliest_delay_counts(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct item *item = &fixture->items[1];

	dmsnap_port_work_run_after(fixture->queue, &item->work, 1000000);
	dmsnap_port_work_run_after(fixture->queue, &item->work, 1);
	dmsnap_port_work_run_after(fixture->queue, &item->work, 2000000);
	dmsnap_port_event_wait(&item->begun);
	dmsnap_port_work_cancel(&item->work);
	KUNIT_EXPECT_EQ(test, item->runs, 1);
}

static void run_ends_a_delay(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct item *item = &fixture->items[1];

	dmsnap_port_work_run_after(fixture->queue, &item->work, 1000000);
	run(fixture, 1);
	dmsnap_port_event_wait(&item->begun);
	dmsnap_port_work_cancel(&item->work);
	KUNIT_EXPECT_EQ(test, item->runs, 1);
}

static void cancelled_item_does_not_run_and_may_be_used_again(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	block_queue(fixture);
	run(fixture, 1);
	dmsnap_port_work_run_after(fixture->queue, &fixture->items[2].work, 1000000);
	dmsnap_port_work_cancel(&fixture->items[1].work);
	dmsnap_port_work_cancel(&fixture->items[2].work);
	unblock_queue(fixture);
	run(fixture, 3);
	dmsnap_port_event_wait(&fixture->items[3].begun);
	KUNIT_EXPECT_EQ(test, fixture->items[1].runs, 0);
	KUNIT_EXPECT_EQ(test, fixture->items[2].runs, 0);
	run(fixture, 1);
	dmsnap_port_event_wait(&fixture->items[1].begun);
	KUNIT_EXPECT_EQ(test, fixture->items[1].runs, 1);
}

static void unblock(void *ctx)
{
	struct fixture *fixture = ctx;

	dmsnap_port_event_set(&fixture->items[0].may_end);
}

static void cancel_waits_for_a_running_item(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct dmsnap_work_queue *other = dmsnap_port_work_queue_create("kunit-other");
	struct dmsnap_work *unblocker = kunit_kzalloc(test, sizeof(*unblocker), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, other);
	KUNIT_ASSERT_NOT_NULL(test, unblocker);
	block_queue(fixture);
	/* A blocked queue must not block another one. */
	dmsnap_port_work_init(unblocker, unblock, fixture);
	dmsnap_port_work_run_after(other, unblocker, 20);
	dmsnap_port_work_cancel(&fixture->items[0].work);
	KUNIT_EXPECT_EQ(test, atomic_read(&fixture->items[0].inside), 0);
	migrate_enable();
	dmsnap_port_work_cancel(unblocker);
	dmsnap_port_work_queue_destroy(other);
}

static void destroy_waits_for_running_work(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct dmsnap_work_queue *other = dmsnap_port_work_queue_create("kunit-other");
	struct item *item = &fixture->items[1];

	KUNIT_ASSERT_NOT_NULL(test, other);
	item->waits = true;
	dmsnap_port_work_run(other, &item->work);
	dmsnap_port_event_wait(&item->begun);
	dmsnap_port_event_set(&item->may_end);
	dmsnap_port_work_queue_destroy(other);
	KUNIT_EXPECT_EQ(test, atomic_read(&item->inside), 0);
}

/* A timer that queues an item in interrupt context. */
struct asker {
	struct hrtimer timer;
	struct fixture *fixture;
};

static enum hrtimer_restart ask(struct hrtimer *timer)
{
	struct asker *asker = container_of(timer, struct asker, timer);

	run(asker->fixture, 1);
	dmsnap_port_work_run_after(asker->fixture->queue, &asker->fixture->items[2].work, 1);
	return HRTIMER_NORESTART;
}

static void items_can_be_asked_for_in_an_interrupt(struct kunit *test)
{
	struct asker *asker = kunit_kzalloc(test, sizeof(*asker), GFP_KERNEL);
	struct fixture *fixture = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, asker);
	asker->fixture = fixture;
	hrtimer_init(&asker->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	asker->timer.function = ask;
	hrtimer_start(&asker->timer, 0, HRTIMER_MODE_REL_HARD);
	dmsnap_port_event_wait(&fixture->items[1].begun);
	dmsnap_port_event_wait(&fixture->items[2].begun);
	hrtimer_cancel(&asker->timer);
}

static void clock_does_not_go_back(struct kunit *test)
{
	u64 last = dmsnap_port_now_ns();
	int i;

	for (i = 0; i < 1000; i++) {
		u64 now = dmsnap_port_now_ns();

		KUNIT_ASSERT_GE(test, now, last);
		last = now;
	}
	msleep(20);
	KUNIT_EXPECT_GE(test, dmsnap_port_now_ns() - last, 10000000ull);
}

static struct kunit_case work_cases[] = {
	KUNIT_CASE(items_run_once_each_in_the_order_asked_for),
	KUNIT_CASE(item_asked_while_it_runs_runs_again),
	KUNIT_CASE(delay_is_kept),
	KUNIT_CASE(earliest_delay_counts),
	KUNIT_CASE(run_ends_a_delay),
	KUNIT_CASE(cancelled_item_does_not_run_and_may_be_used_again),
	KUNIT_CASE(cancel_waits_for_a_running_item),
	KUNIT_CASE(destroy_waits_for_running_work),
	KUNIT_CASE(items_can_be_asked_for_in_an_interrupt),
	KUNIT_CASE(clock_does_not_go_back),
	{},
};

struct kunit_suite dmsnap_work_suite = {
	.name = "dmsnap-work",
	.init = work_case_init,
	.exit = work_case_exit,
	.test_cases = work_cases,
};
