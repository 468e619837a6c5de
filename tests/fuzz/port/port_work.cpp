// SPDX-License-Identifier: GPL-2.0-only
/* The port's work items, on the crank. */
#include <dmsnap/port/work.h>

#include <new>

#include "fuzz/port/context.hpp"
#include "fuzz/port/crank.hpp"
#include "fuzz/port/memory.hpp"

using namespace dmsnap::fuzz;

static_assert(sizeof(Work) <= sizeof(dmsnap_work));

/* Empty: the crank runs the items of all queues in order, one at a time. */
struct dmsnap_work_queue {};

namespace {

Work &work_of(dmsnap_work *storage)
{
	auto *work = reinterpret_cast<Work *>(storage);
	if (work->magic != Work::valid)
		die("a work item is used before dmsnap_port_work_init()");
	return *work;
}

} // namespace

dmsnap_work_queue *dmsnap_port_work_queue_create(const char *)
{
	check_may_sleep(__func__);
	memory.objects_out++;
	return new dmsnap_work_queue;
}

void dmsnap_port_work_queue_destroy(dmsnap_work_queue *queue)
{
	check_may_sleep(__func__);
	memory.objects_out--;
	delete queue;
}

void dmsnap_port_work_init(dmsnap_work *work, dmsnap_work_fn fn, void *ctx)
{
	new (work) Work{Work::valid, fn, ctx, Work::State::idle, 0};
}

void dmsnap_port_work_run(dmsnap_work_queue *, dmsnap_work *work)
{
	crank.queue(work_of(work));
}

void dmsnap_port_work_run_after(dmsnap_work_queue *, dmsnap_work *work, unsigned int milliseconds)
{
	crank.queue_at(work_of(work), crank.now_ns() + milliseconds * uint64_t{1'000'000});
}

void dmsnap_port_work_cancel(dmsnap_work *work)
{
	check_may_sleep(__func__);
	crank.cancel(work_of(work));
}

uint64_t dmsnap_port_now_ns()
{
	return crank.now_ns();
}
