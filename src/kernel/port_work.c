// SPDX-License-Identifier: GPL-2.0-only
/*
 * port/work.h on the kernel's work queues, and the clock.
 */
#include <dmsnap/port/work.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

#include "compat/compat.h"

/**
 * struct dmsnap_work_item - what the core's storage holds.
 * @item: as the work queue sees it
 * @timer: queues it; a timer of its own, for that of a delayed_work cannot be moved to
 *         the earlier of two times in one step
 * @queue: of the timer
 * @fn: what to run
 * @ctx: for @fn
 */
struct dmsnap_work_item {
	struct work_struct item;
	struct timer_list timer;
	struct workqueue_struct *queue;
	dmsnap_work_fn fn;
	void *ctx;
};

static_assert(sizeof(struct dmsnap_work_item) <= sizeof(struct dmsnap_work));
static_assert(__alignof__(struct dmsnap_work_item) <= __alignof__(struct dmsnap_work));

static struct dmsnap_work_item *to_work(struct dmsnap_work *work)
{
	return (struct dmsnap_work_item *)work->opaque;
}

static struct workqueue_struct *to_queue(struct dmsnap_work_queue *queue)
{
	return (struct workqueue_struct *)queue;
}

/*
 * Work runs on the CPU that queued it: that of the completion, or of the work that posted it.
 * There one thread runs the items of all queues in turn, as long as none of them sleeps: an item
 * that another posts waits until that one has ended, and more tasks arrive meanwhile.  With
 * unbound queues each post would wake another thread, which would preempt the one that posts, and
 * every commit would carry a single run.
 */
struct dmsnap_work_queue *dmsnap_port_work_queue_create(const char *name)
{
	return (struct dmsnap_work_queue *)alloc_workqueue(
		"dmsnap/%.16s", WQ_MEM_RECLAIM | DMSNAP_COMPAT_WQ_PERCPU, 1, name);
}

void dmsnap_port_work_queue_destroy(struct dmsnap_work_queue *queue)
{
	destroy_workqueue(to_queue(queue));
}

static void work_begin(struct work_struct *item)
{
	struct dmsnap_work_item *work = container_of(item, struct dmsnap_work_item, item);

	work->fn(work->ctx);
}

static void work_due(struct timer_list *timer)
{
	struct dmsnap_work_item *work = container_of(timer, struct dmsnap_work_item, timer);

	queue_work(READ_ONCE(work->queue), &work->item);
}

void dmsnap_port_work_init(struct dmsnap_work *storage, dmsnap_work_fn fn, void *ctx)
{
	struct dmsnap_work_item *work = to_work(storage);

	INIT_WORK(&work->item, work_begin);
	timer_setup(&work->timer, work_due, 0);
	work->queue = NULL;
	work->fn = fn;
	work->ctx = ctx;
}

/*
 * Under load most calls find the item queued already, and queue_work() returns at its pending
 * bit.
 */
void dmsnap_port_work_run(struct dmsnap_work_queue *queue, struct dmsnap_work *storage)
{
	struct dmsnap_work_item *work = to_work(storage);

	if (timer_pending(&work->timer))
		timer_delete(&work->timer);
	queue_work(to_queue(queue), &work->item);
}

void dmsnap_port_work_run_after(struct dmsnap_work_queue *queue, struct dmsnap_work *storage,
				unsigned int milliseconds)
{
	struct dmsnap_work_item *work = to_work(storage);

	if (work_pending(&work->item))
		return;
	WRITE_ONCE(work->queue, to_queue(queue));
	timer_reduce(&work->timer, jiffies + msecs_to_jiffies(milliseconds));
}

void dmsnap_port_work_cancel(struct dmsnap_work *storage)
{
	struct dmsnap_work_item *work = to_work(storage);

	timer_delete_sync(&work->timer);
	cancel_work_sync(&work->item);
}

uint64_t dmsnap_port_now_ns(void)
{
	return ktime_get_ns();
}
