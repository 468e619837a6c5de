// SPDX-License-Identifier: GPL-2.0-only
/*
 * The work part of the port: storage and checks; the rest is World's.
 */
#include <dmsnap/port/work.h>

#include <new>

#include "user/context.hpp"
#include "user/failure.hpp"
#include "user/memory.hpp"
#include "user/work.hpp"

using namespace dmsnap::user;

namespace {

using State = World::WorkState;
static_assert(sizeof(State) <= sizeof(dmsnap_work));

State *state_of(dmsnap_work *work)
{
	auto *state = reinterpret_cast<State *>(work);
	if (state->magic != State::valid)
		die("a work item is used before dmsnap_port_work_init() or after its end");
	return state;
}

World::WorkQueue *queue_of(dmsnap_work_queue *queue)
{
	return reinterpret_cast<World::WorkQueue *>(queue);
}

} // namespace

dmsnap_work_queue *dmsnap_port_work_queue_create(const char *name)
{
	check_may_sleep(__func__);
	if (Memory::instance().construct_fails() || this_context().killed)
		return nullptr;
	World::WorkQueue *queue = World::current().create_queue(name);
	return reinterpret_cast<dmsnap_work_queue *>(queue);
}

void dmsnap_port_work_queue_destroy(dmsnap_work_queue *queue)
{
	check_may_sleep(__func__);
	World::current().destroy_queue(queue_of(queue));
}

void dmsnap_port_work_init(dmsnap_work *work, dmsnap_work_fn fn, void *ctx)
{
	new (work) State{.magic = State::valid,
			 .fn = fn,
			 .ctx = ctx,
			 .queue = nullptr,
			 .state = State::State::idle,
			 .time_ns = 0,
			 .number = 0};
}

void dmsnap_port_work_run(dmsnap_work_queue *queue, dmsnap_work *work)
{
	World::current().queue_work(queue_of(queue), state_of(work));
}

void dmsnap_port_work_run_after(dmsnap_work_queue *queue, dmsnap_work *work,
				unsigned int milliseconds)
{
	World &world = World::current();
	world.queue_work_at(queue_of(queue), state_of(work),
			    world.now_ns() + uint64_t{milliseconds} * 1'000'000);
}

void dmsnap_port_work_cancel(dmsnap_work *work)
{
	check_may_sleep(__func__);
	World::current().cancel_work(state_of(work));
}

uint64_t dmsnap_port_now_ns()
{
	World *world = World::find();
	return world ? world->now_ns() : 0;
}
