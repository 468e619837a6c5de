// SPDX-License-Identifier: GPL-2.0-only
/*
 * port/work.h on the kernel's work queues, and the clock.
 */
#include <dmsnap/port/work.h>
#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/workqueue.h>

/**
 * struct dmsnap_work_item - what the core's storage holds.
 * @item: immediate and delayed in one
 * @asked: dmsnap_port_work_run() was called, and the function has not begun since
 */
struct dmsnap_work_item {
	struct delayed_work item;
	atomic_t asked;
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

/* Ordered: one thread of execution for all CPUs, as the port promises. */
struct dmsnap_work_queue *dmsnap_port_work_queue_create(const char *name)
{
	return (struct dmsnap_work_queue *)alloc_ordered_workqueue("dmsnap/%.16s", WQ_MEM_RECLAIM,
								   name);
}

void dmsnap_port_work_queue_destroy(struct dmsnap_work_queue *queue)
{
	destroy_workqueue(to_queue(queue));
}

static void work_begin(struct work_struct *item)
{
	struct dmsnap_work_item *work =
		container_of(to_delayed_work(item), struct dmsnap_work_item, item);

	/* Whoever asks from here on sees the function run again. */
	atomic_xchg(&work->asked, 0);
	work->fn(work->ctx);
}

void dmsnap_port_work_init(struct dmsnap_work *storage, dmsnap_work_fn fn, void *ctx)
{
	struct dmsnap_work_item *work = to_work(storage);

	INIT_DELAYED_WORK(&work->item, work_begin);
	atomic_set(&work->asked, 0);
	work->fn = fn;
	work->ctx = ctx;
}

/*
 * mod_delayed_work() takes the queue's locks even for an item that is queued
 * already, and moves it to the end.  Under load most calls are of that kind, and
 * end at the flag.
 */
void dmsnap_port_work_run(struct dmsnap_work_queue *queue, struct dmsnap_work *storage)
{
	struct dmsnap_work_item *work = to_work(storage);

	if (!atomic_xchg(&work->asked, 1))
		mod_delayed_work(to_queue(queue), &work->item, 0);
}

void dmsnap_port_work_run_after(struct dmsnap_work_queue *queue, struct dmsnap_work *storage,
				unsigned int milliseconds)
{
	queue_delayed_work(to_queue(queue), &to_work(storage)->item,
			   msecs_to_jiffies(milliseconds));
}

void dmsnap_port_work_cancel(struct dmsnap_work *storage)
{
	struct dmsnap_work_item *work = to_work(storage);

	cancel_delayed_work_sync(&work->item);
	/* It may have been cancelled before it began. */
	atomic_set(&work->asked, 0);
}

uint64_t dmsnap_port_now_ns(void)
{
	return ktime_get_ns();
}
