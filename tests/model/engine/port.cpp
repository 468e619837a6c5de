// SPDX-License-Identifier: GPL-2.0-only
/*
 * The port under a modelled program: as much of it as the programs use.  Work runs at once, where
 * it is queued: a worker would know no more, and later.
 */
#include <dmsnap/port/device.h>
#include <dmsnap/port/lock.h>
#include <dmsnap/port/log.h>
#include <dmsnap/port/memory.h>
#include <dmsnap/port/work.h>

#include "model/engine/model.hpp"

using namespace dmsnap;

namespace {

struct Work {
	dmsnap_work_fn run;
	void *ctx;
};

} // namespace

void *dmsnap_port_alloc(size_t bytes)
{
	return model::allocate(bytes, 16);
}

void dmsnap_port_free(void *memory)
{
	model::release(memory);
}

void *dmsnap_port_page_alloc(dmsnap_alloc_mode)
{
	return model::allocate(DMSNAP_PAGE_SIZE, DMSNAP_PAGE_SIZE);
}

void dmsnap_port_page_free(void *page)
{
	model::release(page);
}

void dmsnap_port_spin_init(dmsnap_spinlock *, dmsnap_lock_rank)
{
}

unsigned long dmsnap_port_spin_lock(dmsnap_spinlock *lock)
{
	model::lock(lock);
	return 0;
}

void dmsnap_port_spin_unlock(dmsnap_spinlock *lock, unsigned long)
{
	model::unlock(lock);
}

void dmsnap_port_spin_assert_held(const dmsnap_spinlock *)
{
}

void dmsnap_port_rcu_read_lock()
{
	model::rcu_read_lock();
}

void dmsnap_port_rcu_read_unlock()
{
	model::rcu_read_unlock();
}

void dmsnap_port_rcu_synchronize()
{
	model::rcu_synchronize();
}

void dmsnap_port_cpu_relax()
{
	model::relax();
}

void dmsnap_port_warn(const char *what, const char *, int)
{
	model::fail(what);
}

dmsnap_work_queue *dmsnap_port_work_queue_create(const char *)
{
	return static_cast<dmsnap_work_queue *>(model::allocate(1, 1));
}

void dmsnap_port_work_queue_destroy(dmsnap_work_queue *queue)
{
	model::release(queue);
}

void dmsnap_port_work_init(dmsnap_work *work, dmsnap_work_fn fn, void *ctx)
{
	*reinterpret_cast<Work *>(work) = {fn, ctx};
}

void dmsnap_port_work_run(dmsnap_work_queue *, dmsnap_work *work)
{
	const Work &queued = *reinterpret_cast<Work *>(work);
	queued.run(queued.ctx);
}

void dmsnap_port_work_cancel(dmsnap_work *)
{
}

void dmsnap_port_plug_begin(dmsnap_plug *)
{
}

void dmsnap_port_plug_end(dmsnap_plug *)
{
}
