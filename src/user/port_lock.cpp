// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lock part of the port.  Processes of a world never run at the same time, so locks mostly
 * just check their rank, their holder, and whether the caller may sleep.  Spinlocks also work
 * between real threads.
 */
#include <dmsnap/port/lock.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <new>
#include <thread>

#include "user/context.hpp"
#include "user/failure.hpp"
#include "user/world.hpp"

using namespace dmsnap::user;

namespace {

struct SpinState {
	static constexpr uint64_t valid = 0x6e697073646d736e;
	uint64_t magic;
	dmsnap_lock_rank rank;
	std::atomic<Context *> holder;
};
static_assert(sizeof(SpinState) <= sizeof(dmsnap_spinlock));

struct MutexState {
	static constexpr uint64_t valid = 0x7865746d646d736e;
	uint64_t magic;
	dmsnap_lock_rank rank;
	Context *holder;
};
static_assert(sizeof(MutexState) <= sizeof(dmsnap_mutex));

struct EventState {
	static constexpr uint64_t valid = 0x746e7665646d736e;
	uint64_t magic;
	std::atomic<bool> set;
};
static_assert(sizeof(EventState) <= sizeof(dmsnap_event));

template <typename State, typename Storage> State *state_of(Storage *storage)
{
	auto *state = reinterpret_cast<State *>(storage);
	if (state->magic != State::valid)
		die("a lock or event is used before it was made or after its end");
	return state;
}

void note_released(const void *lock)
{
	this_context().held.remove(lock);
}

/* Stands for the interrupt state.  It encodes the nesting, so that mixed-up flags are found. */
constexpr unsigned long flags_base = 0x0500;

} // namespace

void dmsnap_port_spin_init(dmsnap_spinlock *lock, dmsnap_lock_rank rank)
{
	auto *state = new (lock) SpinState;
	state->magic = SpinState::valid;
	state->rank = rank;
	state->holder = nullptr;
}

unsigned long dmsnap_port_spin_lock(dmsnap_spinlock *lock)
{
	auto *state = state_of<SpinState>(lock);
	World::preempt();
	Context &self = this_context();
	if (state->holder == &self)
		die("spinlock of rank %d is taken twice", state->rank);
	check_rank(state->rank);
	unsigned long flags = flags_base + self.held.spinlocks();
	for (Context *nobody = nullptr; !state->holder.compare_exchange_weak(nobody, &self);
	     nobody = nullptr)
		std::this_thread::yield();
	self.held.add({lock, state->rank, true});
	return flags;
}

void dmsnap_port_spin_unlock(dmsnap_spinlock *lock, unsigned long flags)
{
	auto *state = state_of<SpinState>(lock);
	if (state->holder != &this_context())
		report_failure("spinlock of rank %d is released by one who does not hold it",
			       state->rank);
	note_released(lock);
	if (flags != flags_base + this_context().held.spinlocks())
		report_failure("spinlock of rank %d is released with the flags of another",
			       state->rank);
	state->holder = nullptr;
	World::preempt();
}

void dmsnap_port_spin_assert_held(const dmsnap_spinlock *lock)
{
	const auto *state = state_of<const SpinState>(lock);
	if (state->holder != &this_context())
		report_failure("spinlock of rank %d is needed, and not held", state->rank);
}

void dmsnap_port_mutex_init(dmsnap_mutex *lock, dmsnap_lock_rank rank)
{
	new (lock) MutexState{MutexState::valid, rank, nullptr};
}

void dmsnap_port_mutex_destroy(dmsnap_mutex *lock)
{
	auto *state = state_of<MutexState>(lock);
	if (state->holder)
		report_failure("mutex of rank %d is destroyed while held", state->rank);
	state->magic = 0;
}

void dmsnap_port_mutex_lock(dmsnap_mutex *lock)
{
	auto *state = state_of<MutexState>(lock);
	check_may_sleep(__func__);
	World::preempt();
	Context &self = this_context();
	if (state->holder == &self)
		die("mutex of rank %d is taken twice", state->rank);
	check_rank(state->rank);
	if (state->holder)
		World::current().wait(lock, __func__, [state] { return !state->holder; });
	state->holder = &self;
	self.held.add({lock, state->rank, false});
}

void dmsnap_port_mutex_unlock(dmsnap_mutex *lock)
{
	auto *state = state_of<MutexState>(lock);
	if (state->holder != &this_context())
		report_failure("mutex of rank %d is released by one who does not hold it",
			       state->rank);
	note_released(lock);
	state->holder = nullptr;
	if (World *world = World::find())
		world->wake(lock);
}

void dmsnap_port_event_init(dmsnap_event *event)
{
	auto *state = new (event) EventState;
	state->magic = EventState::valid;
	state->set = false;
}

void dmsnap_port_event_set(dmsnap_event *event)
{
	state_of<EventState>(event)->set = true;
	if (World *world = World::find())
		world->wake(event);
}

void dmsnap_port_event_wait(dmsnap_event *event)
{
	auto *state = state_of<EventState>(event);
	check_may_sleep(__func__);
	World::preempt();
	if (!state->set)
		World::current().wait(event, __func__, [state] { return state->set.load(); });
}

int dmsnap_port_event_wait_killable(dmsnap_event *event, const char *what)
{
	auto *state = state_of<EventState>(event);
	check_may_sleep(__func__);
	World::preempt();
	const bool &killed = this_context().killed;
	if (!state->set && !killed)
		World::current().wait(event, what, [&] { return state->set || killed; });
	return state->set ? 0 : -EINTR;
}

void dmsnap_port_rcu_read_lock()
{
	this_context().rcu_depth++;
}

void dmsnap_port_rcu_read_unlock()
{
	Context &self = this_context();
	if (self.rcu_depth == 0)
		report_failure("an RCU read section ends that did not begin");
	else
		self.rcu_depth--;
}

/*
 * No context is preempted inside a read section, so no other context is in one now.  So the
 * caller frees its memory at the earliest legal moment.
 */
void dmsnap_port_rcu_synchronize()
{
	check_may_sleep(__func__);
	World::preempt();
}

void dmsnap_port_cpu_relax()
{
	std::this_thread::yield();
}
