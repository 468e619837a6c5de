/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the core needs to run code in process context later.
 */
#ifndef DMSNAP_PORT_WORK_H
#define DMSNAP_PORT_WORK_H

#include <dmsnap/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Runs items in the system's threads, with a rescuer for when memory is short.  Opaque. */
struct dmsnap_work_queue;

/** Storage of a work item, immediate or delayed. */
struct dmsnap_work {
	unsigned long opaque[48];
};

/**
 * typedef dmsnap_work_fn - the function of a work item.
 * @ctx: as given to dmsnap_port_work_init()
 *
 * Never runs concurrently for one item.  Items of one queue that are queued on one CPU
 * run one after the other, in that order; others may run at the same time.
 * Other tasks get the CPU between two runs, even if the kernel is not preemptible: long
 * work must return now and then, and queue itself again.
 *
 * Context: Process context, the thread of the queue. May sleep.
 */
typedef void (*dmsnap_work_fn)(void *ctx);

/**
 * dmsnap_port_work_queue_create() - create a queue.  If it blocks, it blocks no other.
 * @name: for the thread's name; copied, cut at 16 bytes
 *
 * Context: Process context, a mutex may be held. May sleep.
 * Return: the queue, or NULL: always in a process that was killed, which can start no thread.
 */
struct dmsnap_work_queue *dmsnap_port_work_queue_create(const char *name);

/**
 * dmsnap_port_work_queue_destroy() - wait for running work, and free the queue.
 * No item may be queued, or have its timer running.
 * @queue: from dmsnap_port_work_queue_create()
 *
 * Context: Process context, no lock held that the work takes. Sleeps.
 */
void dmsnap_port_work_queue_destroy(struct dmsnap_work_queue *queue);

/**
 * dmsnap_port_work_init() - initialise a work item.
 * @work: storage of the item
 * @fn: what the item runs
 * @ctx: handed to @fn; must live until dmsnap_port_work_cancel()
 *
 * Context: Any.
 */
void dmsnap_port_work_init(struct dmsnap_work *work, dmsnap_work_fn fn, void *ctx);

/**
 * dmsnap_port_work_run() - queue the item.  Does nothing if it is already queued
 * and has not started; a running item runs again.
 * An item that waits for its timer is queued at once.
 * @queue: from dmsnap_port_work_queue_create()
 * @work: from dmsnap_port_work_init()
 *
 * Context: Any.
 */
void dmsnap_port_work_run(struct dmsnap_work_queue *queue, struct dmsnap_work *work);

/**
 * dmsnap_port_work_run_after() - queue the item after @milliseconds.
 * If its timer is already running, it runs once, at the earlier of the two times.
 * Does nothing if it is already queued; if it is being queued right now, it may run
 * once more.
 * @queue: from dmsnap_port_work_queue_create()
 * @work: from dmsnap_port_work_init()
 * @milliseconds: the delay
 *
 * Context: Any.
 */
void dmsnap_port_work_run_after(struct dmsnap_work_queue *queue, struct dmsnap_work *work,
				unsigned int milliseconds);

/**
 * dmsnap_port_work_cancel() - after return the item is neither queued nor running.
 * It must not be queued meanwhile.
 * @work: from dmsnap_port_work_init()
 *
 * Context: Process context, no lock held that the work takes. Sleeps. Not from the item
 * itself.
 */
void dmsnap_port_work_cancel(struct dmsnap_work *work);

/**
 * dmsnap_port_now_ns() - monotonic nanoseconds.
 *
 * Context: Any.
 * Return: nanoseconds.
 */
uint64_t dmsnap_port_now_ns(void);

#ifdef __cplusplus
}
#endif

#endif
