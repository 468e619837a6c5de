// SPDX-License-Identifier: GPL-2.0-only
/*
 * port/lock.h on the kernel's locks: one lockdep class for each rank, so that lockdep checks the
 * order of enum dmsnap_lock_rank.
 */
#include <dmsnap/port/lock.h>
#include <dmsnap/port/log.h>
#include <linux/completion.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

static_assert(sizeof(spinlock_t) <= sizeof(struct dmsnap_spinlock));
static_assert(sizeof(struct mutex) <= sizeof(struct dmsnap_mutex));
static_assert(sizeof(struct completion) <= sizeof(struct dmsnap_event));
static_assert(__alignof__(spinlock_t) <= __alignof__(struct dmsnap_spinlock));
static_assert(__alignof__(struct mutex) <= __alignof__(struct dmsnap_mutex));
static_assert(__alignof__(struct completion) <= __alignof__(struct dmsnap_event));

static struct lock_class_key dmsnap_lock_keys[DMSNAP_LOCK_RANKS];

static const char *const dmsnap_lock_names[DMSNAP_LOCK_RANKS] = {
	[DMSNAP_LOCK_REGISTRY] = "dmsnap_registry",	[DMSNAP_LOCK_ORIGIN] = "dmsnap_origin",
	[DMSNAP_LOCK_COPIED_MAP] = "dmsnap_copied_map", [DMSNAP_LOCK_STREAMS] = "dmsnap_streams",
	[DMSNAP_LOCK_EPOCH] = "dmsnap_epoch",		[DMSNAP_LOCK_WORKER] = "dmsnap_worker",
};

static spinlock_t *to_spinlock(struct dmsnap_spinlock *lock)
{
	return (spinlock_t *)lock->opaque;
}

static struct mutex *to_mutex(struct dmsnap_mutex *lock)
{
	return (struct mutex *)lock->opaque;
}

static struct completion *to_completion(struct dmsnap_event *event)
{
	return (struct completion *)event->opaque;
}

void dmsnap_port_spin_init(struct dmsnap_spinlock *lock, enum dmsnap_lock_rank rank)
{
	spin_lock_init(to_spinlock(lock));
	lockdep_set_class_and_name(to_spinlock(lock), &dmsnap_lock_keys[rank],
				   dmsnap_lock_names[rank]);
}

unsigned long dmsnap_port_spin_lock(struct dmsnap_spinlock *lock) __acquires(lock)
{
	unsigned long flags;

	spin_lock_irqsave(to_spinlock(lock), flags);
	return flags;
}

void dmsnap_port_spin_unlock(struct dmsnap_spinlock *lock, unsigned long flags) __releases(lock)
{
	spin_unlock_irqrestore(to_spinlock(lock), flags);
}

void dmsnap_port_spin_assert_held(const struct dmsnap_spinlock *lock)
{
	lockdep_assert_held((const spinlock_t *)lock->opaque);
}

void dmsnap_port_mutex_init(struct dmsnap_mutex *lock, enum dmsnap_lock_rank rank)
{
	mutex_init(to_mutex(lock));
	lockdep_set_class_and_name(to_mutex(lock), &dmsnap_lock_keys[rank],
				   dmsnap_lock_names[rank]);
}

void dmsnap_port_mutex_destroy(struct dmsnap_mutex *lock)
{
	mutex_destroy(to_mutex(lock));
}

void dmsnap_port_mutex_lock(struct dmsnap_mutex *lock)
{
	mutex_lock(to_mutex(lock));
}

void dmsnap_port_mutex_unlock(struct dmsnap_mutex *lock)
{
	mutex_unlock(to_mutex(lock));
}

void dmsnap_port_event_init(struct dmsnap_event *event)
{
	init_completion(to_completion(event));
}

void dmsnap_port_event_set(struct dmsnap_event *event)
{
	complete_all(to_completion(event));
}

void dmsnap_port_event_wait(struct dmsnap_event *event)
{
	wait_for_completion(to_completion(event));
}

int dmsnap_port_event_wait_killable(struct dmsnap_event *event, const char *what)
{
	const unsigned int every = 30;
	unsigned int seconds = 0;

	for (;;) {
		long left = wait_for_completion_killable_timeout(to_completion(event), every * HZ);

		if (left)
			return left > 0 ? 0 : -EINTR;
		seconds += every;
		dmsnap_port_log(DMSNAP_LOG_WARNING,
				"%s has not ended after %u seconds: is the device suspended?", what,
				seconds);
	}
}

void dmsnap_port_rcu_read_lock(void) __acquires(RCU)
{
	rcu_read_lock();
}

void dmsnap_port_rcu_read_unlock(void) __releases(RCU)
{
	rcu_read_unlock();
}

/*
 * Expedited: a process that loads, resumes or removes a snapshot is waiting, perhaps with the
 * file system frozen. dm core does the same at every suspend, so this adds no new kind of
 * disturbance for other CPUs.
 */
void dmsnap_port_rcu_synchronize(void)
{
	synchronize_rcu_expedited();
}

void dmsnap_port_cpu_relax(void)
{
	cpu_relax();
}
