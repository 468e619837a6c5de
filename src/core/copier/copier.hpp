// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copier: reads an extent of a device once and writes it to several others, with many copies in
 * flight.
 *
 * A job is cut into windows of at most window_pages_max pages.  A window takes its pages, is
 * read, is written to all destinations in parallel, and returns the pages.  Windows of one or
 * several jobs are in flight together as far as the PageReserve allows.
 *
 * Writes are gathered while a batch of the worker's tasks runs: data that is adjacent on a
 * device, such as chunks that a store has allocated one after the other, becomes one write,
 * however far apart it was read.
 *
 * Forward progress without free memory: a window takes all its pages before its read starts, and
 * waits for nothing that another window holds.  With none in flight the reserves suffice for the
 * next one, perhaps a shorter one; when one ends, the next is tried.  Each write needs a
 * Transfer, and perhaps a GatheredWrite.  If these run out, the window's other writes follow as
 * some are returned, by writes that are in flight or will be after this batch.  Windows and
 * writes also retry on a timer, since what is in flight may hang on one device while another one
 * could go on.
 *
 * A device that hangs: its share bounds the pages that it holds, as a destination or as the source
 * of a job.  A job whose source has a full share waits.  So does one that needs more pages for a
 * destination whose share is full, while the device answers: then the source is read only once.
 * If the device does not answer, the job goes on without that destination, which waits for its
 * share alone.  It has a CopyCursor of its own from there on, and what it missed is read again for
 * it.  All that waits for a share is examined when pages return from it.  Whole jobs also are when
 * pages return from any share, and on a timer: a device that does not answer causes no event.
 *
 * Background jobs come after all others, and have their own limit on pages in flight.  But one
 * window of them may always be in flight: the pages over the limit may be those of a device that
 * hangs.
 *
 * Errors: after a failed read, each destination's part of the window is read again separately, and
 * only a failure of that counts, for that destination (but see CopyJob::all_or_none).  The window
 * returns its pages first.  The parts are windows of their own (see Window), and take pages before
 * any job does.  So with none in flight the reserves suffice for them too.  One whose share is full
 * is skipped, since its destination may hang.  A failed write counts for the destinations whose
 * data it carried.
 *
 * Locking: none; all functions and all callbacks run on the worker.  But a destination may have its
 * own worker: its writes are posted there.  Their completion runs there first, tells the
 * destination, and is posted back.  The copier does not touch the write meanwhile.
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
	Copier(CreateKey<Copier>, Worker &worker);
	/* No job may be in flight.  Process context, not on the worker. */
	~Copier();

	/*
	 * Starts the job.  Job, destinations and devices must live until the job's done().  Callbacks
	 * may run before this returns.
	 */
	void start(CopyJob &job);
	/*
	 * Something waits for the job now: it no longer yields to others.  Does nothing unless it
	 * is queued.
	 */
	void hurry(CopyJob &job);

	/*
	 * Could it copy @sectors at once without delaying others?  That is so if no job waits,
	 * and most pages are free.
	 */
	bool has_spare(uint64_t sectors) const;

	CopyStatistics &statistics() { return statistics_; }
	/* Pages in use. */
	size_t pages_out() const { return pages_.out(); }

private:
	using Cursors = List<CopyCursor, &CopyCursor::link>;

	friend struct Window;
	friend struct GatheredWrite;

	/* Starts as many windows as it can. */
	void pump();
	/* Gives each rest windows of its own, as far as memory allows. */
	void divide_rests();
	/* Starts windows that are read again.  Returns false if jobs must wait for those left. */
	bool read_again();
	void pump_cursors(Cursors &cursors);
	bool throttled();
	bool start_window(CopyCursor &cursor);
	/* May the share not have @wanted more pages now? */
	bool full(const CopyShare &share, size_t wanted) const;
	/* The same for any share that @window, which has no pages yet, needs. */
	bool any_full(const Window &window, size_t wanted) const;
	enum class Room : uint8_t {
		enough,
		/* A share is full, and its device answers. */
		later,
		/* All destinations of the part have cursors of their own. */
		unwanted,
	};
	Room make_room(CopyJob &job, const Part &part, size_t wanted);
	void leave_behind(CopyDestination &destination, CopyJob &job, const Part &missed);
	void wait_for_share(CopyCursor &cursor, Cursors &waiting);
	void wake(Cursors &waiting);
	void look_at_shares();
	static void advance(CopyCursor &cursor, uint64_t sectors);
	static void end_if_done(CopyJob &job);
	static void enter_share(const Window &window, CopyDestination &destination);
	void leave_share(const Window &window, CopyDestination &destination);
	/* The window has its pages. */
	void begin(Window &window);
	void read(Window &window);
	void read_done(Window &window);
	void read_failed(Window &window);
	static void window_read(const Window &window);
	static void end_reads(CopyJob &job);
	/* Makes @next the next window of the rest of @window; they may be the same. */
	void make_next(Window &window, Window &next);
	/* Gathers the window's writes.  Returns false if memory runs out. */
	bool write_on(Window &window);
	bool write_to(Window &window, CopyDestination &destination);
	GatheredWrite *write_for(const CopyJob &job, const CopyDestination &destination,
				 uint64_t sector, uint32_t skipped, size_t pages);
	void submit(GatheredWrite &write);
	void submit_gathered();
	void write_done(GatheredWrite &write);
	/* Runs on the destination's worker, or the copier's. */
	static void part_ended(CopyDestination &destination, uint64_t sectors, int error);
	void end_window(Window &window);
	void idle();
	void wait_for_memory() { memory_timer_.start(memory_check_ms); }
	void look_for_memory();
	void go_on_writing();

	/* A device that has ended no write for so long does not answer. */
	static constexpr uint64_t answer_ns = Throttle::copy_max_ns;
	/* How often waiting work tries for memory again. */
	static constexpr unsigned int memory_check_ms = 100;
	/* How long pages and objects are cached for later copies. */
	static constexpr unsigned int idle_ms = 1000;

	Worker &worker_;
	PageReserve pages_;
	Pool<Window> windows_;
	Pool<Transfer> transfers_;
	Pool<GatheredWrite> writes_;
	Cursors cursors_;
	Cursors background_cursors_;
	/* Cursors of whole jobs that wait for a share. */
	Cursors waiting_;
	List<Window, &Window::stalled_link> stalled_;
	List<Window, &Window::again_link> again_;
	List<Window, &Window::rest_link> rests_;
	/* At most one for each device. */
	List<GatheredWrite, &GatheredWrite::open_link> open_writes_;
	size_t windows_in_flight_ = 0;
	/* Those of them that were started for background jobs. */
	size_t background_windows_ = 0;
	Throttle throttle_;
	CopyStatistics statistics_;

	MethodTask<Copier, &Copier::pump> pump_task_{*this};
	Timer throttle_timer_{worker_, pump_task_};
	MethodTask<Copier, &Copier::look_at_shares> share_task_{*this};
	Timer share_timer_{worker_, share_task_};
	MethodTask<Copier, &Copier::look_for_memory> memory_task_{*this};
	Timer memory_timer_{worker_, memory_task_};
	MethodTask<Copier, &Copier::submit_gathered> submit_task_{*this};
	MethodTask<Copier, &Copier::idle> idle_task_{*this};
	Timer idle_timer_{worker_, idle_task_};
};

} // namespace dmsnap
