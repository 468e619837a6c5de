// SPDX-License-Identifier: GPL-2.0-only
/*
 * Worker: runs the tasks of an origin or a snapshot: everything that may sleep or that follows a
 * completion.  Tasks of one worker never run at the same time, so state that only they touch
 * needs no lock.
 *
 * A batch of tasks runs under one plug, so that adjacent I/O is merged.  Tasks posted with
 * post_late() run after the batch: a commit started there includes everything from the batch.
 *
 * A batch consists of the tasks posted before it began.  The work item ends after batches_max
 * batches: on a device that completes I/O at once, tasks keep posting tasks while there is
 * anything to do, and others must get the CPU meanwhile.
 */
#pragma once

#include <dmsnap/port/work.h>

#include "base/guard.hpp"
#include "base/list.hpp"
#include "base/own.hpp"

namespace dmsnap {

/* Something to run on a Worker.  Embedded in the object it works on. */
struct Task {
	using Function = void (*)(Task &);

	explicit Task(Function function) : run(function) {}

	Function run;
	ListHook link;
};

/* A task that calls a member function of its owner. */
template <typename Owner, void (Owner::*method)()> struct MethodTask : Task {
	explicit MethodTask(Owner &of)
	    : Task([](Task &task) { (static_cast<MethodTask &>(task).owner.*method)(); }), owner(of)
	{
	}

	Owner &owner;
};

class Worker {
public:
	/*
	 * Batches in one run of the work item, since starting a run costs more than most batches.
	 */
	static constexpr unsigned int batches_max = 8;

	/* May sleep.  @name ends up in the thread's name. */
	static Result<Owned<Worker>> create(const char *name);
	Worker(CreateKey<Worker>, dmsnap_work_queue *queue);
	/* No task may be posted or running.  Sleeps. */
	~Worker();

	/*
	 * Runs the task soon, once; does nothing if it is posted already.  The task may be posted
	 * again, or freed, from its own run().
	 * Context: any; takes the worker's lock.
	 */
	void post(Task &task) { add(&Worker::tasks_, task); }
	void post_late(Task &task) { add(&Worker::late_tasks_, task); }

	/*
	 * After return the task is neither posted nor running.  It must not be posted meanwhile.
	 * Context: process, sleeps; not on the worker.
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
	/* Tasks that drain() has taken and not run yet. */
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

	/* If the timer is already running, it keeps the earlier of the two times.  Context: any. */
	void start(unsigned int milliseconds);
	/*
	 * After return the timer will not post its task (which may still be posted).  It must not
	 * be started meanwhile.  Context: process, sleeps; not on the worker.
	 */
	void cancel();

private:
	Worker &worker_;
	Task &task_;
	dmsnap_work work_;
};

} // namespace dmsnap
