/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the core needs of locks, events and RCU.
 *
 * The core embeds these objects; their size is fixed here so that C++ need not
 * know any kernel type.  The kernel binding asserts at compile time that the real
 * ones fit, lock debugging included.
 */
#ifndef DMSNAP_PORT_LOCK_H
#define DMSNAP_PORT_LOCK_H

#include <dmsnap/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum dmsnap_lock_rank - the lock order, outermost first.
 *
 * A lock may be taken only while all locks held have a smaller rank.  The
 * kernel binding makes each rank a lockdep class; the user-space port checks
 * the order at every acquisition.
 */
enum dmsnap_lock_rank {
	/** @DMSNAP_LOCK_REGISTRY: Mutex: the origins, and the sets of their snapshots. */
	DMSNAP_LOCK_REGISTRY,
	/** @DMSNAP_LOCK_ORIGIN: Spinlock: one origin's copy-outs, its snapshots' pending runs and allocation. */
	DMSNAP_LOCK_ORIGIN,
	/** @DMSNAP_LOCK_COPIED_MAP: Spinlock: the pages of one origin's copied map. */
	DMSNAP_LOCK_COPIED_MAP,
	/** @DMSNAP_LOCK_STREAMS: Spinlock: the write streams of one origin. */
	DMSNAP_LOCK_STREAMS,
	/** @DMSNAP_LOCK_EPOCH: Spinlock: waiters for reads of one snapshot. */
	DMSNAP_LOCK_EPOCH,
	/** @DMSNAP_LOCK_WORKER: Spinlock: runnable tasks of one worker. */
	DMSNAP_LOCK_WORKER,
	/** @DMSNAP_LOCK_RANKS: Number of ranks. */
	DMSNAP_LOCK_RANKS,
};

/** Storage of a spinlock. */
struct dmsnap_spinlock {
	unsigned long opaque[16];
};

/** Storage of a mutex. */
struct dmsnap_mutex {
	unsigned long opaque[32];
};

/** Storage of an event (see dmsnap_port_event_wait()). */
struct dmsnap_event {
	unsigned long opaque[24];
};

/**
 * dmsnap_port_spin_init() - initialise a spinlock with a rank.
 * @lock: storage of the lock
 * @rank: its place in the lock order
 *
 * Context: Any.
 */
void dmsnap_port_spin_init(struct dmsnap_spinlock *lock, enum dmsnap_lock_rank rank);

/**
 * dmsnap_port_spin_lock() - take the lock, local interrupts off.
 * @lock: storage of the lock
 *
 * Completions come in interrupt context and take the same locks, so there is
 * no variant that leaves interrupts on.
 *
 * Context: Any; locks held have a smaller rank. Does not sleep.
 * Return: what dmsnap_port_spin_unlock() must be given.
 */
unsigned long dmsnap_port_spin_lock(struct dmsnap_spinlock *lock);

/**
 * dmsnap_port_spin_unlock() - undo dmsnap_port_spin_lock().
 * @lock: storage of the lock
 * @flags: what dmsnap_port_spin_lock() returned
 *
 * Context: Any.
 */
void dmsnap_port_spin_unlock(struct dmsnap_spinlock *lock, unsigned long flags);

/**
 * dmsnap_port_spin_assert_held() - complain unless the caller holds the lock.
 * @lock: storage of the lock
 *
 * Kernels without lockdep do not check.
 *
 * Context: Any.
 */
void dmsnap_port_spin_assert_held(const struct dmsnap_spinlock *lock);

/**
 * dmsnap_port_mutex_init() - initialise a mutex with a rank.
 * @lock: storage of the lock
 * @rank: its place in the lock order
 *
 * Context: Process context.
 */
void dmsnap_port_mutex_init(struct dmsnap_mutex *lock, enum dmsnap_lock_rank rank);

/**
 * dmsnap_port_mutex_destroy() - destroy a mutex that is not held.
 * @lock: storage of the lock
 *
 * Context: Process context.
 */
void dmsnap_port_mutex_destroy(struct dmsnap_mutex *lock);

/**
 * dmsnap_port_mutex_lock() - take a mutex.
 * @lock: storage of the lock
 *
 * Context: Process context; locks held have a smaller rank. May sleep.
 */
void dmsnap_port_mutex_lock(struct dmsnap_mutex *lock);

/**
 * dmsnap_port_mutex_unlock() - release a mutex.
 * @lock: storage of the lock
 *
 * Context: Process context.
 */
void dmsnap_port_mutex_unlock(struct dmsnap_mutex *lock);

/**
 * dmsnap_port_event_init() - initialise an event as not set.
 * @event: storage of the event
 *
 * Context: Any.
 */
void dmsnap_port_event_init(struct dmsnap_event *event);

/**
 * dmsnap_port_event_set() - set an event: waiters, now and later, do not sleep.
 * @event: storage of the event
 *
 * Context: Any.
 */
void dmsnap_port_event_set(struct dmsnap_event *event);

/**
 * dmsnap_port_event_wait() - sleep until the event is set.
 * @event: from dmsnap_port_event_init()
 *
 * The event may be freed as soon as this returns.
 *
 * Context: Process context; mutexes that setting the event does not need may be held.
 * Sleeps, not interruptible.
 */
void dmsnap_port_event_wait(struct dmsnap_event *event);

/**
 * dmsnap_port_event_wait_killable() - the same, until the process is killed.
 * @event: from dmsnap_port_event_init()
 * @what: what is waited for; logged every few seconds
 *
 * The event may still be set after the process was killed.
 *
 * Context: Process context; mutexes that setting the event does not need may be held.
 * Sleeps.
 * Return: 0, or -EINTR.
 */
int dmsnap_port_event_wait_killable(struct dmsnap_event *event, const char *what);

/**
 * dmsnap_port_rcu_read_lock() - begin a read section.
 *
 * No read section still uses objects that were unpublished before
 * dmsnap_port_rcu_synchronize() was called, once that has returned.
 *
 * Context: Any. No sleep until dmsnap_port_rcu_read_unlock().
 */
void dmsnap_port_rcu_read_lock(void);

/**
 * dmsnap_port_rcu_read_unlock() - end of a read section.
 *
 * Context: Any.
 */
void dmsnap_port_rcu_read_unlock(void);

/**
 * dmsnap_port_rcu_synchronize() - wait until all current read sections have ended.
 *
 * Context: Process context, a mutex may be held. Sleeps. Not for the I/O path: it
 * disturbs all CPUs.
 */
void dmsnap_port_rcu_synchronize(void);

/**
 * dmsnap_port_cpu_relax() - for loops that wait for another CPU's store.
 *
 * Context: Any.
 */
void dmsnap_port_cpu_relax(void);

#ifdef __cplusplus
}
#endif

#endif
