// SPDX-License-Identifier: GPL-2.0-only
/*
 * Worker: one thread of execution per origin, on which everything runs that
 * may sleep or that follows a completion.  Tasks never run at the same time as
 * one another, so state that only tasks touch needs no lock.
 *
 * A batch of tasks runs under one plug, so that neighbouring I/O meets.  Tasks
 * posted with post_late() run when the batch is through: a store that starts
 * its commit there carries everything the batch brought.
 *
 * A batch is what was posted before it began.  The work item ends after batches_max of
 * them: on a device that ends I/O at once tasks go on posting tasks for as long as there
 * is anything to do, and others must have the processor meanwhile.
 */
#pragma once

#include <dmsnap/port/work.h>

#include "base/guard.hpp"
#include "base/list.hpp"
#include "base/own.hpp"

namespace dmsnap {

/* Something to run on a Worker.  Embedded in what it is about. */
struct Task {
	using Function = void (*)(Task &);

	explicit Task(Function function) : run(function) {}

	Function run;
	ListHook link;
};

/* A task that calls a member function of what it belongs to. */
template <typename Owner, void (Owner::*method)()> struct MethodTask : Task {
	explicit MethodTask(Owner &of)
	    : Task([](Task &task) { (static_cast<MethodTask &>(task).owner.*method)(); }), owner(of)
	{
	}

	Owner &owner;
};

class Worker {
public:
	/* In one run of the work item, which costs more than most batches. */
	static constexpr unsigned int batches_max = 8;

	/* May sleep.  @name ends up in the thread's name. */
	static Result<Owned<Worker>> create(const char *name);
	/* Private to create(). */
	explicit Worker(dmsnap_work_queue *queue);
	/* No task may be posted or running.  Sleeps. */
	~Worker();

	/*
	 * Has the task run soon, once; nothing happens if it is posted already.
	 * The task may be posted again, or freed, from its own run().
	 * Context: any; takes the worker's lock.
	 */
	void post(Task &task) { add(&Worker::tasks_, task); }
	void post_late(Task &task) { add(&Worker::late_tasks_, task); }

	/*
	 * After return the task is neither posted nor running.  Nobody may post it
	 * meanwhile.  Context: process, sleeps; not on the worker.
	 */
	void stop(Task &task);

	/*
	 * Returns when every task that was posted before has run.  Context: process,
	 * sleeps; not on the worker.
	 */
	void flush();

	dmsnap_work_queue *queue() const { return queue_; }

private:
	using Tasks = List<Task, &Task::link>;

	void add(Tasks Worker::*tasks, Task &task);
	bool run_batch(Tasks Worker::*tasks);
	void drain();

	dmsnap_work_queue *queue_;
	dmsnap_work work_;
	SpinLock lock_{DMSNAP_LOCK_WORKER};
	Tasks tasks_ DMSNAP_GUARDED_BY(lock_);
	Tasks late_tasks_ DMSNAP_GUARDED_BY(lock_);
	/* What drain() has taken and not run yet. */
	Tasks batch_ DMSNAP_GUARDED_BY(lock_);
};

/* Posts a task after a delay. */
class Timer {
public:
	Timer(Worker &worker, Task &task);
	/* The timer must have been cancelled if it was ever started. */
	~Timer() = default;
	Timer(const Timer &) = delete;
	Timer &operator=(const Timer &) = delete;

	/*
	 * If it is running already, the earlier of the two times counts, and the later
	 * one is forgotten.  Context: any.
	 */
	void start(unsigned int milliseconds);
	/*
	 * After return the timer will not post its task (which may be posted
	 * still).  Nobody may start it meanwhile.  Context: process, sleeps; not
	 * on the worker.
	 */
	void cancel();

private:
	Worker &worker_;
	Task &task_;
	dmsnap_work work_;
};

} // namespace dmsnap
