// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copier: jobs, their windows, and reading these.  reread.cpp reads again, gathered_write.cpp
 * writes, copy_share.cpp says for which destinations.
 */
#include "copier/copier.hpp"
#include "base/min_max.hpp"

namespace dmsnap {

namespace {

constexpr unsigned int windows_reserved = 4;
constexpr unsigned int transfers_reserved = 16;
constexpr unsigned int writes_reserved = 4;
/* For each of the three pools. */
constexpr unsigned int objects_kept = 512;

/* Zeros the part past the end of the job's source extent. */
void clear_end(Window &window)
{
	uint64_t end = window.job.sectors;
	uint64_t at = end > window.offset ? end - window.offset : 0;

	while (at < window.sectors) {
		uint64_t into_page = at % sectors_per_page;
		__builtin_memset(static_cast<char *>(window.page_list[at / sectors_per_page]) +
					 into_page * 512,
				 0, (sectors_per_page - into_page) * 512);
		at += sectors_per_page - into_page;
	}
}

/* How many of the next @sectors at the cursor make a window: see CopyJob::alignment. */
uint64_t cut_to_alignment(const CopyCursor &cursor, uint64_t sectors)
{
	const CopyJob &job = *cursor.job;
	uint64_t left = cursor.end - cursor.at;
	return sectors < left ? sectors - (job.sector + cursor.at + sectors) % job.alignment : left;
}

} // namespace

void Window::submit_read()
{
	uint64_t source_end = smaller(all().end, job.sectors);

	dmsnap_port_io_submit(only ? only->source : job.source, DMSNAP_IO_READ, 0,
			      job.sector + offset, source_end - offset, page_list, 0,
			      read_task.ended, read_task.on(copier.worker_));
}

void Window::read_ended(int error)
{
	read_error = error;
	copier.read_done(*this);
}

Result<Owned<Copier>> Copier::create(Worker &worker)
{
	auto copier = DMSNAP_TRY(make_owned<Copier>(CreateKey<Copier>(), worker));
	copier->windows_ =
		DMSNAP_TRY(Pool<Window>::create("dmsnap_window", windows_reserved, objects_kept));
	copier->transfers_ = DMSNAP_TRY(
		Pool<Transfer>::create("dmsnap_transfer", transfers_reserved, objects_kept));
	copier->writes_ = DMSNAP_TRY(
		Pool<GatheredWrite>::create("dmsnap_write", writes_reserved, objects_kept));
	DMSNAP_CHECK(copier->pages_.fill());
	return copier;
}

Copier::Copier(CreateKey<Copier>, Worker &worker) : worker_(worker)
{
}

Copier::~Copier()
{
	throttle_timer_.cancel();
	memory_timer_.cancel();
	share_timer_.cancel();
	worker_.stop(share_task_);
	worker_.stop(memory_task_);
	worker_.stop(pump_task_);
	worker_.stop(submit_task_);
	idle_timer_.cancel();
	worker_.stop(idle_task_);
}

void Copier::start(CopyJob &job)
{
	job.since_ns_ = dmsnap_port_now_ns();
	job.cursor_.job = &job;
	job.cursor_.at = 0;
	job.cursor_.end = job.sectors;
	job.cursors_ = 1;
	for (CopyDestination &destination : job.destinations) {
		uint64_t end = destination.source_offset + destination.sectors;
		job.cursor_.end = larger(job.cursor_.end, end);
		destination.sectors_left_.store_relaxed(destination.sectors);
		destination.error_.store_relaxed(0);
		destination.read_failed = false;
		destination.apart_from_ = UINT64_MAX;
	}
	(job.background_pages ? background_cursors_ : cursors_).push_back(job.cursor_);
	pump();
}

void Copier::hurry(CopyJob &job)
{
	if (std::exchange(job.background_pages, 0) && job.cursor_.link.linked()) {
		job.cursor_.link.unlink();
		cursors_.push_back(job.cursor_);
		worker_.post(pump_task_);
	}
}

bool Copier::has_spare(uint64_t sectors) const
{
	return cursors_.empty() && background_cursors_.empty() && waiting_.empty() &&
	       stalled_.empty() && again_.empty() &&
	       pages_.out() + sectors / sectors_per_page <= PageReserve::pages_max / 4;
}

void Copier::pump()
{
	divide_rests();
	if (!read_again())
		return;
	pump_cursors(cursors_);
	if (cursors_.empty())
		pump_cursors(background_cursors_);
}

void Copier::pump_cursors(Cursors &cursors)
{
	while (CopyCursor *cursor = cursors.front()) {
		if (throttled() || !start_window(*cursor))
			return;
	}
}

bool Copier::throttled()
{
	unsigned int percent = dmsnap_port_copy_throttle();
	if (percent >= 100)
		return false;
	unsigned int delay = throttle_.delay_ms(dmsnap_port_now_ns(), percent);
	if (delay == 0)
		return false;
	throttle_timer_.start(delay);
	return true;
}

/*
 * Starts a window, or lets what would take part in it wait for shares.  Returns false if memory is
 * short, or it is a background job and others come first.
 */
bool Copier::start_window(CopyCursor &cursor)
{
	CopyJob &job = *cursor.job;
	constexpr uint64_t sectors_max = uint64_t{window_pages_max} * sectors_per_page;
	uint64_t length = cut_to_alignment(cursor, sectors_max);
	size_t wanted = pages_for(length);
	if (job.background_pages && background_windows_ > 0 &&
	    pages_.out() + wanted > job.background_pages)
		return false;

	if (job.share && full(*job.share, wanted)) {
		wait_for_share(cursor, waiting_);
		return true;
	}
	if (cursor.only) {
		if (full(*cursor.only->share, wanted)) {
			wait_for_share(cursor, cursor.only->share->cursors);
			return true;
		}
	} else {
		switch (make_room(job, {cursor.at, cursor.at + length}, wanted)) {
		case Room::enough:
			break;
		case Room::later:
			wait_for_share(cursor, waiting_);
			share_timer_.start(answer_ns / 1'000'000);
			return true;
		case Room::unwanted:
			advance(cursor, length);
			end_reads(job);
			end_if_done(job);
			return true;
		}
	}
	Window *window = windows_.get(*this, job, cursor.only);
	if (!window) {
		wait_for_memory();
		return false;
	}
	window->page_count = pages_.take({window->page_list, wanted});
	if (window->page_count < wanted && windows_in_flight_ > 0) {
		pages_.give_back(window->pages());
		windows_.put(window);
		wait_for_memory();
		return false;
	}
	uint64_t room = window->page_count * sectors_per_page;
	window->offset = cursor.at;
	window->sectors =
		static_cast<uint32_t>(length < room ? length : cut_to_alignment(cursor, room));

	job.windows_++;
	if (!cursor.only)
		job.reads_++;
	if (job.share)
		job.share->pages += window->page_count;
	advance(cursor, window->sectors);
	begin(*window);
	return true;
}

void Copier::begin(Window &window)
{
	window.since_ns = dmsnap_port_now_ns();
	statistics_.page_wait_us.add((window.since_ns - window.job.since_ns_) / 1000);
	windows_in_flight_++;
	window.background = window.job.background_pages > 0;
	background_windows_ += window.background;
	throttle_.begin(window.in_flight, window.since_ns);
	for (CopyDestination *at = window.first; at; at = window.after(*at)) {
		if (at->share && !part_of(window, *at).empty())
			enter_share(window, *at);
	}

	clear_end(window);
	read(window);
}

/* The next @sectors need no window any more. */
void Copier::advance(CopyCursor &cursor, uint64_t sectors)
{
	cursor.at += sectors;
	if (cursor.at == cursor.end) {
		cursor.link.unlink();
		cursor.job->cursors_--;
	}
}

/* Reads up to the end of the job's source extent: clear_end() has zeroed the rest. */
void Copier::read(Window &window)
{
	const CopyJob &job = window.job;
	uint64_t end = smaller(window.all().end, job.sectors);

	if (window.offset >= end) {
		window.read_task.post(worker_, 0);
		return;
	}
	statistics_.read_sectors += end - window.offset;
	if (job.source_worker)
		job.source_worker->post(window.submit_task);
	else
		window.submit_read();
}

void Copier::read_done(Window &window)
{
	uint64_t now = dmsnap_port_now_ns();
	statistics_.read_us.add((now - window.since_ns) / 1000);
	window.since_ns = now;
	if (window.read_error) {
		read_failed(window);
		return;
	}
	window_read(window);
	/* An extra count until all writes are under way, so that none ends the window early. */
	window.writes_in_flight = 1;
	window.next_destination = window.first;
	write_on(window);
}

/* The window, or the rest of one, no longer needs the source. */
void Copier::window_read(const Window &window)
{
	if (window.only)
		return;
	window.job.reads_--;
	end_reads(window.job);
}

void Copier::end_reads(CopyJob &job)
{
	if (job.reads_ == 0 && job.cursor_.at == job.cursor_.end && job.all_read)
		job.all_read(job);
}

void Copier::look_for_memory()
{
	go_on_writing();
	pump();
}

void Copier::end_window(Window &window)
{
	CopyJob &job = window.job;

	const uint64_t now = dmsnap_port_now_ns();
	statistics_.write_us.add((now - window.since_ns) / 1000);
	throttle_.end(window.in_flight, now);
	background_windows_ -= window.background;
	if (job.share) {
		job.share->pages -= window.page_count;
		wake(waiting_);
	}
	pages_.give_back(window.pages());
	if (--windows_in_flight_ == 0)
		idle_timer_.start(idle_ms);

	if (window.rest) {
		make_next(window, window);
		pump();
		return;
	}
	windows_.put(&window);
	job.windows_--;
	end_if_done(job);
	pump();
}

void Copier::end_if_done(CopyJob &job)
{
	if (job.windows_ > 0 || job.cursors_ > 0)
		return;
	while (job.destinations.pop_front()) {
	}
	job.done(job);
}

void Copier::idle()
{
	if (windows_in_flight_ > 0)
		return;
	pages_.trim();
	windows_.trim();
	transfers_.trim();
	writes_.trim();
}

} // namespace dmsnap
