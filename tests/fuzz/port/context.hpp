// SPDX-License-Identifier: GPL-2.0-only
/*
 * Context: what the currently running code may do, and die() for violations.
 * Everything runs on one thread and one stack, so there is one context.
 */
#pragma once

#include <dmsnap/port/lock.h>

namespace dmsnap::fuzz {

/* Prints what is wrong, and ends the process so that the fuzzer keeps the input. */
[[noreturn]] void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

struct Context {
	/* A completion: as in an interrupt. */
	bool atomic = false;
	/* On a work queue: no other item of that queue runs meanwhile. */
	bool worker = false;
	/* The caller that promised not to sleep, if any. */
	const char *no_sleep = nullptr;
	unsigned int rcu_depth = 0;
	unsigned int spinlocks = 0;
	/* Ranks of the locks held, in the order in which they were taken. */
	unsigned int locks = 0;
	dmsnap_lock_rank ranks[DMSNAP_LOCK_RANKS];
};

extern Context context;

inline void check_may_sleep(const char *what)
{
	if (context.atomic || context.spinlocks || context.rcu_depth || context.no_sleep)
		die("%s may sleep, but was called in %s", what,
		    context.atomic	? "atomic context"
		    : context.spinlocks ? "a spinlock"
		    : context.rcu_depth ? "an RCU read section"
					: context.no_sleep);
}

inline void check_no_lock(const char *what)
{
	if (context.locks)
		die("%s with a lock held", what);
}

/* No function called by this context may sleep while it lives. */
class NoSleepScope {
public:
	explicit NoSleepScope(const char *who) : before_(context.no_sleep)
	{
		context.no_sleep = who;
	}
	~NoSleepScope() { context.no_sleep = before_; }
	NoSleepScope(const NoSleepScope &) = delete;
	NoSleepScope &operator=(const NoSleepScope &) = delete;

private:
	const char *before_;
};

} // namespace dmsnap::fuzz
