// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copier: reads a stretch of a device once and writes it to several places,
 * with many in flight.
 *
 * A job is cut into windows of at most window_pages_max pages.  A window takes
 * its pages, is read, is written to all targets in parallel, and gives the pages
 * back; windows of one job and of several are in flight together as far as the
 * PageReserve goes.
 *
 * Writes gather while a batch of the worker's tasks runs: what lies one behind the
 * other on a device, as chunks do that a store has handed out one after the other,
 * becomes one write, however far apart it was read.
 *
 * Forward progress without free memory: a window takes all it needs before its
 * read starts and waits for nothing that another window holds.  With none in
 * flight the reserves cover the next one, perhaps a shorter one; when one ends
 * the next is tried.  Writes draw a Transfer and perhaps a GatheredWrite each; when
 * these run out the window's other writes follow as some come back from writes that
 * are in flight, or will be when the batch is through.  Now and then both look for memory
 * themselves, for what is in flight may hang on one device while another one waits.
 *
 * Jobs in the background come after all others, and have a limit of their own to
 * what is in flight.
 *
 * Errors: after a failed read what each target wants of the window is read again alone,
 * and only what fails then counts, for who wanted that (but see CopyJob::all_or_none).  A
 * failed write counts for the targets that it was for.
 *
 * Locking: none; all functions, and all callbacks, run on the worker.  But a target may have
 * a worker of its own.  A write for it is posted there, and its end comes there first, tells
 * the target, and is posted back: the copier does not touch it meanwhile.
 */
#pragma once

#include "base/own.hpp"
#include "base/worker.hpp"
#include "copier/copy_job.hpp"
#include "copier/copy_statistics.hpp"
#include "copier/page_reserve.hpp"
#include "copier/throttle.hpp"
#include "copier/window.hpp"

namespace dmsnap {

class Copier {
public:
	/* May sleep. */
	static Result<Owned<Copier>> create(Worker &worker);
	/* Private to create(). */
	explicit Copier(Worker &worker);
	/* No job may be left.  Process context, not on the worker. */
	~Copier();

	/*
	 * Takes the job on.  Job, targets and devices must live until the job's
	 * done(); callbacks may run before this returns.
	 */
	void start(CopyJob &job);
	/* Somebody waits for the job now, if it is under way: the others do not go first. */
	void hurry(CopyJob &job);

	/*
	 * Could it copy @sectors at once, without holding up others?  Nothing waits for pages or
	 * for its turn, and most pages are free.
	 */
	bool has_spare(uint64_t sectors) const;

	CopyStatistics &statistics() { return statistics_; }
	/* Pages in use. */
	size_t pages_out() const { return pages_.out(); }

private:
	using Jobs = List<CopyJob, &CopyJob::link>;

	friend struct Window;
	friend struct GatheredWrite;

	/* Starts what can be started. */
	void pump();
	void pump_jobs(Jobs &jobs);
	bool throttled();
	bool start_window(CopyJob &job);
	/* That has so many pages that none of @wanted are for it now, or nullptr. */
	CopyShare *full_share(CopyJob &job, size_t wanted) const;
	void leave_share(const Window &window, CopyTarget &target);
	void read(Window &window, Part part);
	void read_done(Window &window);
	static void window_read(CopyJob &job);
	/* Gathers writes until all are, or memory runs out: false. */
	bool write_on(Window &window);
	bool write_to(Window &window, CopyTarget &target);
	GatheredWrite *write_for(const CopyJob &job, const CopyTarget &target, uint64_t sector,
				 uint32_t skipped, size_t pages);
	void submit(GatheredWrite &write);
	void submit_gathered();
	void write_done(GatheredWrite &write);
	/* The worker of the target, or the copier's. */
	static void part_ended(const Window &window, CopyTarget &target, int error);
	void end_window(Window &window);
	void idle();
	void wait_for_memory() { memory_timer_.start(memory_check_ms); }
	void look_for_memory();
	void go_on_writing();

	/* As often what waits for memory looks for it. */
	static constexpr unsigned int memory_check_ms = 100;
	/* Pages and objects are kept so long for copies to come. */
	static constexpr unsigned int idle_ms = 1000;

	Worker &worker_;
	PageReserve pages_;
	Pool<Window> windows_;
	Pool<Transfer> transfers_;
	Pool<GatheredWrite> writes_;
	Jobs jobs_;
	Jobs background_jobs_;
	List<Window, &Window::stalled_link> stalled_;
	/* One for each device at most. */
	List<GatheredWrite, &GatheredWrite::open_link> open_writes_;
	size_t windows_in_flight_ = 0;
	Throttle throttle_;
	CopyStatistics statistics_;

	MethodTask<Copier, &Copier::pump> pump_task_{*this};
	Timer throttle_timer_{worker_, pump_task_};
	MethodTask<Copier, &Copier::look_for_memory> memory_task_{*this};
	Timer memory_timer_{worker_, memory_task_};
	MethodTask<Copier, &Copier::submit_gathered> submit_task_{*this};
	MethodTask<Copier, &Copier::idle> idle_task_{*this};
	Timer idle_timer_{worker_, idle_task_};
};

} // namespace dmsnap
