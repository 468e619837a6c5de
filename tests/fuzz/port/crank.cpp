// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/port/crank.hpp"

#include <utility>

#include "fuzz/port/context.hpp"

namespace dmsnap::fuzz {

Crank crank;

void Crank::push(const Item &item)
{
	if (count_ == items_max)
		die("%u items are waiting to run", items_max);
	items_[(begin_ + count_++) % items_max] = item;
}

bool Crank::step()
{
	while (count_ || move_clock()) {
		Item item = items_[begin_];
		begin_ = (begin_ + 1) % items_max;
		count_--;
		/* Cancelled work leaves an empty place. */
		if (!item.done && !item.work)
			continue;
		run(item);
		return true;
	}
	return false;
}

void Crank::run(const Item &item)
{
	Context own;
	ContextScope scope(own);
	const bool before = std::exchange(on_worker, !item.done);
	if (item.done) {
		own.atomic = true;
		item.done(item.ctx, item.error);
	} else {
		item.work->state = Work::State::idle;
		item.work->fn(item.work->ctx);
	}
	check_nothing_held(own, "a completion or work item");
	on_worker = before;
}

void Crank::run_until_idle()
{
	while (step())
		;
}

void Crank::complete(Done done, void *ctx, int error)
{
	push({done, ctx, error, nullptr});
}

void Crank::queue(Work &work)
{
	if (work.state == Work::State::queued)
		return;
	if (work.state == Work::State::delayed)
		drop_timer(work);
	work.state = Work::State::queued;
	push({nullptr, nullptr, 0, &work});
}

void Crank::queue_at(Work &work, uint64_t due_ns)
{
	if (work.state == Work::State::queued)
		return;
	if (work.state == Work::State::delayed) {
		work.due_ns = due_ns < work.due_ns ? due_ns : work.due_ns;
		return;
	}
	if (timer_count_ == timers_max)
		die("%u timers are running", timers_max);
	work.state = Work::State::delayed;
	work.due_ns = due_ns;
	timers_[timer_count_++] = &work;
}

void Crank::cancel(Work &work)
{
	if (work.state == Work::State::delayed)
		drop_timer(work);
	for (unsigned int i = 0; work.state == Work::State::queued && i < count_; i++) {
		Item &item = items_[(begin_ + i) % items_max];
		if (item.work == &work)
			item.work = nullptr;
	}
	work.state = Work::State::idle;
}

void Crank::drop_timer(const Work &work)
{
	for (unsigned int i = 0; i < timer_count_; i++)
		if (timers_[i] == &work) {
			timers_[i] = timers_[--timer_count_];
			return;
		}
}

/* Moves the clock to the next timer.  Returns false if none is running. */
bool Crank::move_clock()
{
	if (timer_count_ == 0)
		return false;
	Work *first = timers_[0];
	for (unsigned int i = 1; i < timer_count_; i++)
		if (timers_[i]->due_ns < first->due_ns)
			first = timers_[i];
	if (first->due_ns > now_ns_)
		now_ns_ = first->due_ns;
	queue(*first);
	return true;
}

} // namespace dmsnap::fuzz
