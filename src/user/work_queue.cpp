// SPDX-License-Identifier: GPL-2.0-only
/* World: work queues, and work that is queued, delayed and cancelled. */
#include <algorithm>
#include <utility>

#include "user/failure.hpp"
#include "user/process.hpp"
#include "user/work.hpp"
#include "user/world.hpp"

namespace dmsnap::user {

World::WorkQueue *World::create_queue(std::string name)
{
	queues_.push_back(std::make_unique<WorkQueue>());
	queues_.back()->name = std::move(name);
	return queues_.back().get();
}

void World::destroy_queue(WorkQueue *queue)
{
	if (!exists(queue)) {
		report_failure("a work queue is destroyed that does not exist");
		return;
	}
	bool pending = !queue->pending.empty();
	for (const auto &[when, later] : later_)
		pending = pending || (later.work && later.work->queue == queue);
	if (pending)
		report_failure("work queue %s is destroyed with work in it", queue->name.c_str());
	wait(queue, "work_queue_destroy", [queue] { return !queue->scheduled; });
	std::erase_if(queues_, [queue](const auto &q) { return q.get() == queue; });
}

bool World::exists(const WorkQueue *queue) const
{
	return std::any_of(queues_.begin(), queues_.end(),
			   [queue](const auto &q) { return q.get() == queue; });
}

void World::schedule(WorkQueue *queue)
{
	if (queue->scheduled || queue->pending.empty())
		return;
	queue->scheduled = true;
	ready_.push_back({.queue = queue});
}

void World::queue_work(WorkQueue *queue, WorkState *work)
{
	if (work->state == WorkState::State::queued)
		return;
	if (work->state == WorkState::State::delayed)
		later_.erase({work->time_ns, work->number});
	else
		refer(work, "queued work");
	if (work->state == WorkState::State::idle && work->queue != queue && exists(work->queue) &&
	    work->queue->running == work)
		report_failure("a work item of %s moves to %s while it runs",
			       work->queue->name.c_str(), queue->name.c_str());
	work->state = WorkState::State::queued;
	work->queue = queue;
	queue->pending.push_back(work);
	schedule(queue);
}

void World::queue_work_at(WorkQueue *queue, WorkState *work, uint64_t time_ns)
{
	if (work->state == WorkState::State::queued)
		return;
	if (work->state == WorkState::State::delayed) {
		if (work->time_ns <= time_ns)
			return;
		later_.erase({work->time_ns, work->number});
	} else {
		refer(work, "queued work");
	}
	work->state = WorkState::State::delayed;
	work->queue = queue;
	work->time_ns = time_ns;
	work->number = next_number_++;
	later_.emplace(When{work->time_ns, work->number}, Later{.work = work});
}

void World::cancel_work(WorkState *work)
{
	if (work->state != WorkState::State::idle)
		unrefer(work);
	if (work->state == WorkState::State::delayed) {
		later_.erase({work->time_ns, work->number});
	} else if (work->state == WorkState::State::queued) {
		WorkQueue *queue = work->queue;
		std::erase(queue->pending, work);
		if (queue->pending.empty() && !queue->running) {
			queue->scheduled = false;
			std::erase_if(ready_, [queue](const Ready &r) { return r.queue == queue; });
			wake(queue);
		}
	}
	work->state = WorkState::State::idle;
	WorkQueue *queue = work->queue;
	if (!exists(queue) || queue->running != work)
		return;
	if (Fiber::current() == &queue->process->fiber) {
		report_failure("a work item of %s cancels itself", queue->name.c_str());
		return;
	}
	wait(work, "work_cancel", [queue, work] { return queue->running != work; });
	if (work->state != WorkState::State::idle)
		report_failure("a work item of %s was queued while being cancelled",
			       queue->name.c_str());
}

} // namespace dmsnap::user
