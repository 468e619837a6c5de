// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include <string>

#include "base/guard.hpp"
#include "user/context.hpp"
#include "user/failure.hpp"
#include "user/world.hpp"

namespace dmsnap::user {
namespace {

TEST(PortLock, locks_in_rank_order_are_fine)
{
	Mutex registry(DMSNAP_LOCK_REGISTRY);
	SpinLock origin(DMSNAP_LOCK_ORIGIN);
	SpinLock epoch(DMSNAP_LOCK_EPOCH);
	MutexGuard one(registry);
	SpinGuard two(origin);
	SpinGuard three(epoch);
}

TEST(PortLock, a_lock_of_smaller_rank_inside_is_reported)
{
	SpinLock origin(DMSNAP_LOCK_ORIGIN);
	SpinLock epoch(DMSNAP_LOCK_EPOCH);
	FailureCapture capture;
	SpinGuard inner(epoch);
	SpinGuard outer(origin);
	EXPECT_TRUE(capture.saw("of rank " + std::to_string(DMSNAP_LOCK_ORIGIN) +
				" is taken with one of rank " + std::to_string(DMSNAP_LOCK_EPOCH)));
}

TEST(PortLock, two_locks_of_the_same_rank_are_reported)
{
	SpinLock one(DMSNAP_LOCK_ORIGIN);
	SpinLock two(DMSNAP_LOCK_ORIGIN);
	FailureCapture capture;
	SpinGuard first(one);
	SpinGuard second(two);
	EXPECT_EQ(capture.messages().size(), 1u);
}

TEST(PortLockDeathTest, the_same_spinlock_twice_ends_the_process)
{
	SpinLock lock(DMSNAP_LOCK_ORIGIN);
	SpinGuard guard(lock);
	EXPECT_DEATH({ SpinGuard again(lock); }, "taken twice");
}

TEST(PortLock, a_spinlock_that_is_needed_and_not_held_is_reported)
{
	OriginLock needed;
	SpinLock other(DMSNAP_LOCK_EPOCH);
	SpinGuard guard(other);
	FailureCapture capture;
	needed.assert_held();
	EXPECT_TRUE(capture.saw("of rank " + std::to_string(DMSNAP_LOCK_ORIGIN) +
				" is needed, and not held"));
}

TEST(PortLock, a_spinlock_that_is_needed_and_held_is_not_reported)
{
	OriginLock needed;
	OriginGuard guard(needed);
	FailureCapture capture;
	needed.assert_held();
	EXPECT_TRUE(capture.messages().empty());
}

TEST(PortLock, a_spinlock_released_with_the_flags_of_another_is_reported)
{
	dmsnap_spinlock origin, epoch;
	dmsnap_port_spin_init(&origin, DMSNAP_LOCK_ORIGIN);
	dmsnap_port_spin_init(&epoch, DMSNAP_LOCK_EPOCH);
	unsigned long outer = dmsnap_port_spin_lock(&origin);
	unsigned long inner = dmsnap_port_spin_lock(&epoch);
	FailureCapture capture;
	dmsnap_port_spin_unlock(&epoch, outer);
	dmsnap_port_spin_unlock(&origin, inner);
	EXPECT_EQ(capture.messages().size(), 2u);
}

TEST(PortLock, sleeping_with_a_spinlock_held_is_reported)
{
	World world;
	SpinLock lock(DMSNAP_LOCK_ORIGIN);
	Mutex mutex(DMSNAP_LOCK_REGISTRY);
	Event event;
	event.set();
	SpinGuard guard(lock);
	FailureCapture capture;
	event.wait();
	EXPECT_TRUE(capture.saw("event_wait may sleep, but was called with a spinlock held"));
}

TEST(PortLock, sleeping_in_a_read_section_is_reported)
{
	World world;
	FailureCapture capture;
	RcuGuard guard;
	dmsnap_port_rcu_synchronize();
	EXPECT_TRUE(capture.saw("rcu_synchronize may sleep"));
	EXPECT_TRUE(capture.saw("in an RCU read section"));
}

TEST(PortLock, sleeping_in_a_completion_is_reported)
{
	World world;
	FailureCapture capture;
	world.complete_at(world.now_ns(), [] {
		Event event;
		event.set();
		event.wait();
	});
	world.run_until_idle();
	EXPECT_TRUE(capture.saw("in atomic context"));
}

TEST(PortLock, a_completion_that_ends_with_a_lock_held_is_reported)
{
	World world;
	FailureCapture capture;
	dmsnap_spinlock lock;
	dmsnap_port_spin_init(&lock, DMSNAP_LOCK_ORIGIN);
	world.complete_at(world.now_ns(), [&lock] { dmsnap_port_spin_lock(&lock); });
	world.run_until_idle();
	EXPECT_TRUE(capture.saw("a completion ended with a lock"));
}

TEST(PortLock, a_mutex_makes_the_second_process_wait)
{
	World world;
	Mutex mutex(DMSNAP_LOCK_REGISTRY);
	Event go;
	std::string trace;
	world.spawn("first", [&] {
		MutexGuard guard(mutex);
		trace += "a";
		go.wait();
		trace += "b";
	});
	world.spawn("second", [&] {
		trace += "c";
		MutexGuard guard(mutex);
		trace += "d";
	});
	world.run_until_idle();
	EXPECT_EQ(trace, "ac");
	go.set();
	world.run_until_idle();
	EXPECT_EQ(trace, "acbd");
}

TEST(PortLockDeathTest, a_wait_that_nothing_can_end_is_a_deadlock)
{
	EXPECT_DEATH(
		{
			World world;
			Event event;
			event.wait();
		},
		"deadlock: the test waits in dmsnap_port_event_wait");
}

TEST(PortLockDeathTest, a_lock_that_was_not_made_ends_the_process)
{
	dmsnap_mutex mutex{};
	EXPECT_DEATH(dmsnap_port_mutex_lock(&mutex), "used before it was made");
}

} // namespace
} // namespace dmsnap::user
