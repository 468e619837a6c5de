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

/** Runs items in the system's threads, and has a rescuer for when memory is out.  Opaque. */
struct dmsnap_work_queue;

/** Storage of a work item, immediate or delayed. */
struct dmsnap_work {
	unsigned long opaque[48];
};

/**
 * typedef dmsnap_work_fn - what an item of work runs.
 * @ctx: as given to dmsnap_port_work_init()
 *
 * Never runs twice at a time for one item.  Items of one queue that one processor asks for run one after the other, in that order;
 * others may run at the same time.
 * Between two runs others have the processor, also where the kernel is not preemptible:
 * what may go on for long ends now and then, and asks to be run again.
 *
 * Context: Process context, the thread of the queue. May sleep.
 */
typedef void (*dmsnap_work_fn)(void *ctx);

/**
 * dmsnap_port_work_queue_create() - own queue, so that a blocked one blocks no other.
 * @name: for the thread's name; copied, cut at 16 bytes
 *
 * Context: Process context, a mutex may be held. May sleep.
 * Return: the queue, or NULL.
 */
struct dmsnap_work_queue *dmsnap_port_work_queue_create(const char *name);

/**
 * dmsnap_port_work_queue_destroy() - waits for running work.
 * No item of it may be queued or have its timer running.
 * @queue: from dmsnap_port_work_queue_create()
 *
 * Context: Process context, no lock held that the work takes. Sleeps.
 */
void dmsnap_port_work_queue_destroy(struct dmsnap_work_queue *queue);

/**
 * dmsnap_port_work_init() - make an item of work.
 * @work: storage of the item
 * @fn: what the item runs
 * @ctx: handed to @fn; must live until dmsnap_port_work_cancel()
 *
 * Context: Any.
 */
void dmsnap_port_work_init(struct dmsnap_work *work, dmsnap_work_fn fn, void *ctx);

/**
 * dmsnap_port_work_run() - have the item run soon.  Nothing happens when it is
 * already queued and has not begun; a running item runs again.
 * Ends the delay of an item that waits for its timer.
 * @queue: from dmsnap_port_work_queue_create()
 * @work: from dmsnap_port_work_init()
 *
 * Context: Any.
 */
void dmsnap_port_work_run(struct dmsnap_work_queue *queue, struct dmsnap_work *work);

/**
 * dmsnap_port_work_run_after() - have the item run after @milliseconds.
 * If it waits for its timer already, it runs at the earlier of the two times, once.
 * Nothing happens when it is already queued; one that is being queued at this very
 * moment may run once more.
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
 * Nobody may queue it again meanwhile.
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
