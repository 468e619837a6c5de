// SPDX-License-Identifier: GPL-2.0-only
#include "io/held_writes.hpp"

namespace dmsnap {

Io *HeldWrites::pop_held()
{
	OriginGuard guard(lock_);
	return held_.pop_front();
}

void HeldWrites::examine_due()
{
	/*
	 * Writes that become due meanwhile post the task again, so other tasks get their turn
	 * first.
	 */
	Ios due;
	{
		OriginGuard guard(lock_);
		due.take_all(due_);
	}
	auto next = [&] {
		OriginGuard guard(lock_);
		return due.pop_front();
	};
	while (Io *io = next())
		examine_(*this, *io);
}

void HeldWrites::examine_held()
{
	while (Io *io = pop_held()) {
		if (examine_(*this, *io) != WriteOutcome::held)
			continue;
		/* It was appended after writes that came later: move it back to the front. */
		OriginGuard guard(lock_);
		io->link.unlink();
		held_.push_front(*io);
		return;
	}
}

void HeldWrites::stop()
{
	worker_.stop(due_task_);
	worker_.stop(held_task_);
}

} // namespace dmsnap
