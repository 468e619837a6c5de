// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory model: memory, locks and RCU.
 *
 * To unlock, or to leave a read section, is no step of its own: what another thread does before
 * it and after the last step in the section, it may as well do after the section.
 */
#include "model/engine/runtime.hpp"

namespace dmsnap::model {

namespace {

bool is_free(const Step &step)
{
	return !runtime().lock_of(step.address).held;
}

/* The step's address is that of the grace period's waits_for. */
bool grace_period_is_over(const Step &step)
{
	return *static_cast<const uint8_t *>(step.address) == 0;
}

} // namespace

void *allocate(size_t bytes, size_t alignment)
{
	return runtime().arena.allocate(bytes, alignment);
}

void release(const void *memory)
{
	Runtime &run = runtime();
	if (!memory)
		return;
	const size_t bytes = run.arena.free(memory);
	expect(bytes > 0, "freed twice, or never allocated");
	if (run.alone())
		return;
	run.begin_event();
	const char *begin = static_cast<const char *>(memory);
	for (size_t i = 0; i < run.locations(); i++) {
		const Runtime::Location &location = run.location(i);
		const char *at = static_cast<const char *>(location.address);
		if (at < begin || at >= begin + bytes)
			continue;
		for (const Event &event : location.history.events()) {
			expect(run.self().clock.covers(event.thread, event.index),
			       "freed while another thread may use it");
		}
	}
}

void lock(const void *address)
{
	Runtime &run = runtime();
	if (run.alone())
		return;
	if (run.is_shared(address))
		run.explorer.reach({.address = address, .writes = true, .ready = is_free});
	Runtime::Lock &taken = run.lock_of(address);
	expect(!taken.held, "a thread takes a lock twice");
	taken.held = true;
	run.begin_event();
	run.self().clock.join(taken.released);
	trace("lock", address, 0, "", Site());
}

void unlock(const void *address)
{
	Runtime &run = runtime();
	if (run.alone())
		return;
	Runtime::Lock &held = run.lock_of(address);
	held.held = false;
	run.begin_event();
	held.released = run.self().clock;
	trace("unlock", address, 0, "", Site());
}

void rcu_read_lock()
{
	Runtime &run = runtime();
	if (run.alone())
		return;
	if (run.self().rcu_sections > 0) {
		run.self().rcu_sections++;
		return;
	}
	run.explorer.reach({.address = &run.rcu_begun, .writes = false});
	run.self().rcu_sections = 1;
	run.begin_event();
	run.self().clock.join(run.rcu_begun);
	trace("read section", nullptr, 0, "begins", Site());
}

void rcu_read_unlock()
{
	Runtime &run = runtime();
	if (run.alone())
		return;
	if (--run.self().rcu_sections > 0)
		return;
	run.begin_event();
	trace("read section", nullptr, 0, "ends", Site());
	const auto self = static_cast<uint8_t>(1u << run.explorer.current());
	run.rcu_ended.join(run.self().clock);
	for (Runtime::Thread &thread : run.threads) {
		if (!(thread.waits_for & self))
			continue;
		thread.waits_for &= static_cast<uint8_t>(~self);
		thread.waited.join(run.self().clock);
	}
}

/*
 * A read section is over before the grace period ends, or begins after the grace period began; so
 * it happens before the end or after the beginning.  Each of the two is a full barrier, as in the
 * kernel.
 */
void rcu_synchronize()
{
	Runtime &run = runtime();
	if (run.alone())
		return;
	run.explorer.reach({.address = &run.rcu_begun, .writes = true});
	run.full_fence();
	Runtime::Thread &thread = run.self();
	trace("grace period", nullptr, 0, "begins", Site());
	run.rcu_begun.join(thread.clock);
	thread.waited = run.rcu_ended;
	thread.waits_for = 0;
	for (unsigned int i = 0; i < threads_max; i++) {
		if (run.threads[i].rcu_sections > 0)
			thread.waits_for |= static_cast<uint8_t>(1u << i);
	}
	expect(thread.rcu_sections == 0, "a read section waits for itself");
	run.explorer.reach(
		{.address = &thread.waits_for, .writes = false, .ready = grace_period_is_over});
	thread.clock.join(thread.waited);
	run.full_fence();
	trace("grace period", nullptr, 0, "ends", Site());
}

void relax()
{
	Runtime &run = runtime();
	if (run.alone())
		return;
	if (run.self().relaxes++ >= run.relaxes_max)
		run.explorer.abandon(Explorer::End::cut);
}

} // namespace dmsnap::model
