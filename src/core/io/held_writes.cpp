// SPDX-License-Identifier: GPL-2.0-only
#include "io/held_writes.hpp"

namespace dmsnap {

Io *HeldWrites::pop(Ios &ios)
{
	SpinGuard guard(lock_);
	return ios.pop_front();
}

void HeldWrites::examine_due()
{
	/*
	 * Writes that become due meanwhile post the task again, so other tasks get their turn
	 * first.
	 */
	Ios due;
	{
		SpinGuard guard(lock_);
		due.take_all(due_);
	}
	while (Io *io = pop(due))
		examine_(*this, *io);
}

void HeldWrites::examine_held()
{
	while (Io *io = pop(held_)) {
		if (examine_(*this, *io) != WriteOutcome::held)
			continue;
		/* It was appended after writes that came later: move it back to the front. */
		SpinGuard guard(lock_);
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
