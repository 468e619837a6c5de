// SPDX-License-Identifier: GPL-2.0-only
#include "base/worker.hpp"

#include <dmsnap/port/device.h>

#include "base/run_on.hpp"

namespace dmsnap {

Result<Owned<Worker>> Worker::create(const char *name)
{
	dmsnap_work_queue *queue = dmsnap_port_work_queue_create(name);
	if (!queue)
		return fail(Error::no_memory);
	auto worker = make_owned<Worker>(CreateKey<Worker>(), queue);
	if (!worker)
		dmsnap_port_work_queue_destroy(queue);
	return worker;
}

Worker::Worker(CreateKey<Worker>, dmsnap_work_queue *queue) : queue_(queue)
{
	dmsnap_port_work_init(
		&work_, [](void *ctx) { static_cast<Worker *>(ctx)->drain(); }, this);
}

Worker::~Worker()
{
	dmsnap_port_work_cancel(&work_);
	dmsnap_port_work_queue_destroy(queue_);
}

void Worker::add(Tasks Worker::*tasks, Task &task)
{
	bool first;
	{
		SpinGuard guard(lock_);
		if (task.link.linked())
			return;
		first = tasks_.empty() && late_tasks_.empty();
		(this->*tasks).push_back(task);
	}
	/*
	 * If tasks were there, their post has already queued the item to run after the current
	 * batch.
	 */
	if (first)
		dmsnap_port_work_run(queue_, &work_);
}

void Worker::stop(Task &task)
{
	{
		SpinGuard guard(lock_);
		if (task.link.linked())
			task.link.unlink();
	}
	/* It may be running, but not once another task gets its turn. */
	flush();
}

void Worker::flush()
{
	run_on(*this, [] {});
}

bool Worker::run_batch(Tasks Worker::*tasks)
{
	{
		SpinGuard guard(lock_);
		batch_.take_all(this->*tasks);
	}
	bool any = false;
	for (;;) {
		Task *task;
		{
			SpinGuard guard(lock_);
			task = batch_.pop_front();
		}
		if (!task)
			return any;
		task->run(*task);
		any = true;
	}
}

/*
 * Runs a few batches, since queueing the work item costs more than most of them.  For later tasks
 * add() has queued the item again, so stop after that and let others run.
 */
void Worker::drain()
{
	dmsnap_plug plug;
	bool more = true;

	for (unsigned int n = 0; more && n < batches_max; n++) {
		dmsnap_port_plug_begin(&plug);
		more = run_batch(&Worker::tasks_);
		more |= run_batch(&Worker::late_tasks_);
		dmsnap_port_plug_end(&plug);
	}
}

Timer::Timer(Worker &worker, Task &task) : worker_(worker), task_(task)
{
	dmsnap_port_work_init(
		&work_,
		[](void *ctx) {
			auto *timer = static_cast<Timer *>(ctx);
			timer->worker_.post(timer->task_);
		},
		this);
}

void Timer::start(unsigned int milliseconds)
{
	dmsnap_port_work_run_after(worker_.queue(), &work_, milliseconds);
}

void Timer::cancel()
{
	dmsnap_port_work_cancel(&work_);
}

} // namespace dmsnap
