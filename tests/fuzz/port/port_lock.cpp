// SPDX-License-Identifier: GPL-2.0-only
/*
 * The port's locks.  There is only one thread, so a lock only checks its rank and whether its
 * holder may do what it does.
 */
#include <dmsnap/port/lock.h>

#include "fuzz/port/context.hpp"
#include "fuzz/port/crank.hpp"

using namespace dmsnap::fuzz;

namespace {

struct LockState {
	static constexpr uint64_t valid = 0x6b636f6c646d736e;
	uint64_t magic;
	dmsnap_lock_rank rank;
	bool held;
};

struct EventState {
	static constexpr uint64_t valid = 0x746e7665646d736e;
	uint64_t magic;
	bool set;
};

template <typename State, typename Storage> State &state_of(Storage *storage)
{
	auto *state = reinterpret_cast<State *>(storage);
	if (state->magic != State::valid)
		die("a lock or event is used before its initialisation or after its end");
	return *state;
}

template <typename Storage> void init(Storage *lock, dmsnap_lock_rank rank)
{
	static_assert(sizeof(LockState) <= sizeof(Storage));
	*reinterpret_cast<LockState *>(lock) = {LockState::valid, rank, false};
}

template <typename Storage> void take(Storage *lock, bool spin)
{
	LockState &state = state_of<LockState>(lock);
	if (state.held)
		die("lock of rank %d is taken, but its holder cannot continue", state.rank);
	check_rank(state.rank);
	state.held = true;
	this_context().held.add({lock, state.rank, spin});
}

template <typename Storage> void release(Storage *lock)
{
	LockState &state = state_of<LockState>(lock);
	dmsnap::user::HeldLocks &held = this_context().held;
	if (held.empty() || (held.end() - 1)->lock != lock)
		die("lock of rank %d is released, but is not the last one taken", state.rank);
	state.held = false;
	held.remove(lock);
}

} // namespace

void dmsnap_port_spin_init(dmsnap_spinlock *lock, dmsnap_lock_rank rank)
{
	init(lock, rank);
}

unsigned long dmsnap_port_spin_lock(dmsnap_spinlock *lock)
{
	take(lock, true);
	return this_context().held.spinlocks();
}

void dmsnap_port_spin_unlock(dmsnap_spinlock *lock, unsigned long flags)
{
	if (flags != this_context().held.spinlocks())
		die("a spinlock is released with the flags of another");
	release(lock);
}

void dmsnap_port_spin_assert_held(const dmsnap_spinlock *lock)
{
	const LockState &state = state_of<const LockState>(lock);
	if (!state.held)
		die("lock of rank %d is needed, and not held", state.rank);
}

void dmsnap_port_mutex_init(dmsnap_mutex *lock, dmsnap_lock_rank rank)
{
	init(lock, rank);
}

void dmsnap_port_mutex_destroy(dmsnap_mutex *lock)
{
	LockState &state = state_of<LockState>(lock);
	if (state.held)
		die("mutex of rank %d is destroyed while held", state.rank);
	state.magic = 0;
}

void dmsnap_port_mutex_lock(dmsnap_mutex *lock)
{
	check_may_sleep(__func__);
	take(lock, false);
}

void dmsnap_port_mutex_unlock(dmsnap_mutex *lock)
{
	release(lock);
}

void dmsnap_port_event_init(dmsnap_event *event)
{
	static_assert(sizeof(EventState) <= sizeof(dmsnap_event));
	*reinterpret_cast<EventState *>(event) = {EventState::valid, false};
}

void dmsnap_port_event_set(dmsnap_event *event)
{
	state_of<EventState>(event).set = true;
}

void dmsnap_port_event_wait(dmsnap_event *event)
{
	EventState &state = state_of<EventState>(event);
	check_may_sleep(__func__);
	if (on_worker && !state.set)
		die("a worker waits for an event");
	while (!state.set)
		if (!crank.step())
			die("deadlock: nothing is left that could set the event");
}

int dmsnap_port_event_wait_killable(dmsnap_event *event, const char *)
{
	dmsnap_port_event_wait(event);
	return 0;
}

void dmsnap_port_rcu_read_lock()
{
	this_context().rcu_depth++;
}

void dmsnap_port_rcu_read_unlock()
{
	if (this_context().rcu_depth-- == 0)
		die("an RCU read section ends that did not begin");
}

void dmsnap_port_rcu_synchronize()
{
	check_may_sleep(__func__);
}

/* There is no other CPU, so the wait would never end. */
void dmsnap_port_cpu_relax()
{
	die("there is no other CPU to wait for");
}
