/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the core needs of locks, waiting and read-side protection.
 *
 * The core embeds these objects; their size is fixed here so that C++ need not
 * know a kernel type.  The kernel binding asserts at compile time that the real
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
 * kernel binding makes one lockdep class of each rank, the user-space port
 * checks the order at every acquisition.
 */
enum dmsnap_lock_rank {
	/** @DMSNAP_LOCK_REGISTRY: Mutex: which origins exist, which snapshots belong to them. */
	DMSNAP_LOCK_REGISTRY,
	/** @DMSNAP_LOCK_ORIGIN: Spinlock: one origin's copy-outs, its snapshots' pending runs and allocation. */
	DMSNAP_LOCK_ORIGIN,
	/** @DMSNAP_LOCK_COPIED_MAP: Spinlock: the pages of one origin's copied map. */
	DMSNAP_LOCK_COPIED_MAP,
	/** @DMSNAP_LOCK_STREAMS: Spinlock: what one origin knows of streams of writes. */
	DMSNAP_LOCK_STREAMS,
	/** @DMSNAP_LOCK_EPOCH: Spinlock: readers one snapshot waits for. */
	DMSNAP_LOCK_EPOCH,
	/** @DMSNAP_LOCK_WORKER: Spinlock: runnable tasks of one worker. */
	DMSNAP_LOCK_WORKER,
	/** @DMSNAP_LOCK_RANKS: How many there are. */
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
 * dmsnap_port_spin_init() - make a spinlock of a rank.
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
 * dmsnap_port_mutex_init() - make a mutex of a rank.
 * @lock: storage of the lock
 * @rank: its place in the lock order
 *
 * Context: Process context.
 */
void dmsnap_port_mutex_init(struct dmsnap_mutex *lock, enum dmsnap_lock_rank rank);

/**
 * dmsnap_port_mutex_destroy() - end of a mutex nobody holds.
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
 * dmsnap_port_event_init() - make an event that is not set.
 * @event: storage of the event
 *
 * Context: Any.
 */
void dmsnap_port_event_init(struct dmsnap_event *event);

/**
 * dmsnap_port_event_set() - wake all waiters, now and later.
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
 * Context: Process context, a mutex may be held that setting the event does not need.
 * Sleeps, not interruptible.
 */
void dmsnap_port_event_wait(struct dmsnap_event *event);

/**
 * dmsnap_port_event_wait_killable() - the same, until the process is killed.
 * @event: from dmsnap_port_event_init()
 * @what: what is waited for; the log says so every some seconds
 *
 * Whatever sets the event may still do so after the process was killed.
 *
 * Context: Process context, a mutex may be held that setting the event does not need.
 * Sleeps.
 * Return: 0, or -EINTR.
 */
int dmsnap_port_event_wait_killable(struct dmsnap_event *event, const char *what);

/**
 * dmsnap_port_rcu_read_lock() - keep alive what was published.
 *
 * Objects unpublished before dmsnap_port_rcu_synchronize() was called are not
 * in use by anybody after it returned.
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
 * dmsnap_port_rcu_synchronize() - wait until every read section has ended that is open now.
 *
 * Context: Process context, a mutex may be held. Sleeps. Administration only: it
 * disturbs all CPUs.
 */
void dmsnap_port_rcu_synchronize(void);

/**
 * dmsnap_port_cpu_relax() - inside a loop that waits for another CPU's store.
 *
 * Context: Any.
 */
void dmsnap_port_cpu_relax(void);

#ifdef __cplusplus
}
#endif

#endif
