// SPDX-License-Identifier: GPL-2.0-only
/* port/lock.h: locks exclude, events wake, and read sections delay grace periods. */
#include <dmsnap/port/lock.h>
#include <dmsnap/port/work.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/irqflags.h>
#include <linux/sched.h>

#include "kunit/suites.h"
#include "kunit/thread.h"

#define THREADS 4

static void spinlock_turns_interrupts_off(struct kunit *test)
{
	struct dmsnap_spinlock outer, inner;
	unsigned long outer_flags, inner_flags;
	bool off, still_off;

	dmsnap_port_spin_init(&outer, DMSNAP_LOCK_ORIGIN);
	dmsnap_port_spin_init(&inner, DMSNAP_LOCK_WORKER);
	outer_flags = dmsnap_port_spin_lock(&outer);
	off = irqs_disabled();
	inner_flags = dmsnap_port_spin_lock(&inner);
	dmsnap_port_spin_unlock(&inner, inner_flags);
	still_off = irqs_disabled();
	dmsnap_port_spin_unlock(&outer, outer_flags);
	KUNIT_EXPECT_TRUE(test, off);
	KUNIT_EXPECT_TRUE(test, still_off);
	KUNIT_EXPECT_FALSE(test, irqs_disabled());
}

/* A counter that several threads share. */
struct counting {
	struct dmsnap_spinlock spinlock;
	struct dmsnap_mutex mutex;
	u64 rounds;
	u64 under_spinlock;
	u64 under_mutex;
};

static void count_up(void *ctx)
{
	struct counting *counting = ctx;
	u64 round;

	for (round = 0; round < counting->rounds; round++) {
		unsigned long flags = dmsnap_port_spin_lock(&counting->spinlock);

		counting->under_spinlock++;
		dmsnap_port_spin_unlock(&counting->spinlock, flags);
		dmsnap_port_mutex_lock(&counting->mutex);
		counting->under_mutex++;
		if (round % 64 == 0)
			cond_resched();
		dmsnap_port_mutex_unlock(&counting->mutex);
	}
}

static void locks_let_one_in_at_a_time(struct kunit *test)
{
	struct counting *counting = kunit_kzalloc(test, sizeof(*counting), GFP_KERNEL);
	struct dmsnap_test_thread threads[THREADS];
	int i;

	KUNIT_ASSERT_NOT_NULL(test, counting);
	counting->rounds = min(dmsnap_kunit_steps, 5000ull);
	dmsnap_port_spin_init(&counting->spinlock, DMSNAP_LOCK_EPOCH);
	dmsnap_port_mutex_init(&counting->mutex, DMSNAP_LOCK_REGISTRY);
	for (i = 0; i < THREADS; i++)
		dmsnap_test_thread_start(test, &threads[i], count_up, counting);
	for (i = 0; i < THREADS; i++)
		dmsnap_test_thread_join(&threads[i]);
	KUNIT_EXPECT_EQ(test, counting->under_spinlock, THREADS * counting->rounds);
	KUNIT_EXPECT_EQ(test, counting->under_mutex, THREADS * counting->rounds);
	dmsnap_port_mutex_destroy(&counting->mutex);
}

/* An event, and a timer that sets it in interrupt context. */
struct alarm {
	struct hrtimer timer;
	struct dmsnap_event event;
};

static enum hrtimer_restart ring(struct hrtimer *timer)
{
	dmsnap_port_event_set(&container_of(timer, struct alarm, timer)->event);
	return HRTIMER_NORESTART;
}

static void event_is_set_by_an_interrupt_and_stays_set(struct kunit *test)
{
	struct alarm *alarm = kunit_kzalloc(test, sizeof(*alarm), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, alarm);
	dmsnap_port_event_init(&alarm->event);
	hrtimer_init(&alarm->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	alarm->timer.function = ring;
	hrtimer_start(&alarm->timer, ms_to_ktime(5), HRTIMER_MODE_REL_HARD);
	dmsnap_port_event_wait(&alarm->event);
	/* The event is set already, so this does not wait. */
	dmsnap_port_event_wait(&alarm->event);
	hrtimer_cancel(&alarm->timer);
}

static void set_event(void *ctx)
{
	dmsnap_port_event_set(ctx);
}

/* KASAN reports it if the setter touches the event after the waiter has returned. */
static void event_may_go_when_its_waiter_is_back(struct kunit *test)
{
	struct dmsnap_test_thread thread;
	int i;

	for (i = 0; i < 100; i++) {
		struct dmsnap_event *event = kzalloc(sizeof(*event), GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, event);
		dmsnap_port_event_init(event);
		dmsnap_test_thread_start(test, &thread, set_event, event);
		dmsnap_port_event_wait(event);
		kfree(event);
		dmsnap_test_thread_join(&thread);
	}
}

/* A reader that stays in its read section until it is released. */
struct reader {
	struct dmsnap_event entered;
	bool leave;
	bool left;
};

static void read_for_a_while(void *ctx)
{
	struct reader *reader = ctx;

	dmsnap_port_rcu_read_lock();
	dmsnap_port_event_set(&reader->entered);
	while (!READ_ONCE(reader->leave))
		dmsnap_port_cpu_relax();
	WRITE_ONCE(reader->left, true);
	dmsnap_port_rcu_read_unlock();
}

static void release(void *ctx)
{
	struct reader *reader = ctx;

	msleep(20);
	WRITE_ONCE(reader->leave, true);
}

static void synchronize_waits_for_readers(struct kunit *test)
{
	struct reader *reader = kunit_kzalloc(test, sizeof(*reader), GFP_KERNEL);
	struct dmsnap_test_thread reading, releasing;

	if (IS_ENABLED(CONFIG_UML))
		kunit_skip(test, "nothing interrupts the reader there");
	KUNIT_ASSERT_NOT_NULL(test, reader);
	dmsnap_port_event_init(&reader->entered);
	dmsnap_test_thread_start(test, &reading, read_for_a_while, reader);
	dmsnap_port_event_wait(&reader->entered);
	dmsnap_test_thread_start(test, &releasing, release, reader);
	dmsnap_port_rcu_synchronize();
	KUNIT_EXPECT_TRUE(test, READ_ONCE(reader->left));
	dmsnap_test_thread_join(&releasing);
	dmsnap_test_thread_join(&reading);
}

static struct kunit_case lock_cases[] = {
	KUNIT_CASE(spinlock_turns_interrupts_off),
	KUNIT_CASE(locks_let_one_in_at_a_time),
	KUNIT_CASE(event_is_set_by_an_interrupt_and_stays_set),
	KUNIT_CASE(event_may_go_when_its_waiter_is_back),
	KUNIT_CASE(synchronize_waits_for_readers),
	{},
};

struct kunit_suite dmsnap_lock_suite = {
	.name = "dmsnap-lock",
	.test_cases = lock_cases,
};
