// SPDX-License-Identifier: GPL-2.0-only
#include "user/context.hpp"

#include <algorithm>
#include <utility>

#include "user/failure.hpp"

namespace dmsnap::user {
namespace {

thread_local Context own_context;
thread_local Context *current = nullptr;

} // namespace

void HeldLocks::add(const Held &held)
{
	if (count_ == held_.size())
		die("more locks are held than there are ranks");
	held_[count_++] = held;
	spinlocks_ += held.spin;
}

void HeldLocks::remove(const void *lock)
{
	auto *end = held_.data() + count_;
	auto *found = std::find_if(held_.data(), end,
				   [lock](const Held &held) { return held.lock == lock; });
	if (found == end)
		return;
	spinlocks_ -= found->spin;
	std::copy(found + 1, end, found);
	count_--;
}

Context &this_context()
{
	return current ? *current : own_context;
}

ContextScope::ContextScope(Context &context) : before_(std::exchange(current, &context))
{
}

ContextScope::~ContextScope()
{
	current = before_;
}

NoSleepScope::NoSleepScope(const char *who) : before_(std::exchange(this_context().no_sleep, who))
{
}

NoSleepScope::~NoSleepScope()
{
	this_context().no_sleep = before_;
}

void check_may_sleep(const char *what)
{
	const Context &context = this_context();
	if (context.atomic)
		report_failure("%s may sleep, but was called in atomic context", what);
	else if (context.held.spinlocks())
		report_failure("%s may sleep, but was called with a spinlock held", what);
	else if (context.rcu_depth)
		report_failure("%s may sleep, but was called in an RCU read section", what);
	else if (context.no_sleep)
		report_failure("%s may sleep, but was called from %s", what, context.no_sleep);
}

void check_may_watch(const char *what)
{
	Context &self = this_context();
	const char *promise = self.no_sleep;
	if (promise == map_may_watch)
		self.no_sleep = nullptr;
	check_may_sleep(what);
	self.no_sleep = promise;
}

void check_no_lock(const char *what)
{
	if (!this_context().held.empty())
		report_failure("%s with a lock held", what);
}

void check_rank(dmsnap_lock_rank rank)
{
	for (const HeldLocks::Held &held : this_context().held)
		if (held.rank >= rank)
			report_failure("lock of rank %d is taken with one of rank %d held", rank,
				       held.rank);
}

void check_nothing_held(const Context &context, const char *who)
{
	if (!context.held.empty())
		report_failure("%s ended with a lock of rank %d held", who,
			       (context.held.end() - 1)->rank);
	if (context.rcu_depth)
		report_failure("%s ended inside an RCU read section", who);
}

} // namespace dmsnap::user
