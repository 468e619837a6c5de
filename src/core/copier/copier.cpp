// SPDX-License-Identifier: GPL-2.0-only
#include "copier/copier.hpp"

#include <dmsnap/port/log.h>

namespace dmsnap {

namespace {

constexpr uint32_t sectors_per_page = DMSNAP_PAGE_SIZE / 512;
constexpr unsigned int windows_reserved = 4;
constexpr unsigned int transfers_reserved = 16;
constexpr unsigned int writes_reserved = 4;
/* For each of the three pools. */
constexpr unsigned int objects_kept = 512;

/* The part of a window that a target wants. */
Part part_of(const Window &window, const CopyTarget &target)
{
	Part all = window.all();
	uint64_t target_end = target.source_offset + target.sectors;
	return {all.begin > target.source_offset ? all.begin : target.source_offset,
		all.end < target_end ? all.end : target_end};
}

/* Zeros the part past the end of the job's source extent. */
void clear_rest(Window &window)
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

size_t pages_for(uint64_t sectors)
{
	uint64_t pages = (sectors + sectors_per_page - 1) / sectors_per_page;
	return pages < window_pages_max ? pages : window_pages_max;
}

/* How many of the next @sectors of the job make a window: see CopyJob::alignment. */
uint64_t cut_to_alignment(const CopyJob &job, uint64_t from, uint64_t sectors, uint64_t left)
{
	return sectors < left ? sectors - (job.sector + from + sectors) % job.alignment : left;
}

} // namespace

void Window::submit_read()
{
	uint64_t into_window = read.begin - offset;
	uint64_t end = read.end < job.sectors ? read.end : job.sectors;

	dmsnap_port_io_submit(
		job.source, DMSNAP_IO_READ, 0, job.sector + read.begin, end - read.begin,
		page_list + into_window / sectors_per_page, into_window % sectors_per_page * 512,
		[](void *ctx, int error) {
			auto *window = static_cast<Window *>(ctx);
			window->read_error = error;
			window->copier.worker_.post(window->read_task);
		},
		this);
}

void Window::read_ended()
{
	copier.read_done(*this);
}

void GatheredWrite::submit()
{
	dmsnap_port_io_submit(
		device, DMSNAP_IO_WRITE, flags, sector, sectors, page_list, skipped * 512,
		[](void *ctx, int write_error) {
			auto *write = static_cast<GatheredWrite *>(ctx);
			write->error = write_error;
			(write->worker ? *write->worker : write->copier.worker_)
				.post(write->written_task);
		},
		this);
}

/* Targets first: their next step need not wait for the copier. */
void GatheredWrite::written()
{
	transfers.for_each([this](Transfer &transfer) {
		Copier::part_ended(transfer.window, transfer.target, error);
	});
	if (worker)
		copier.worker_.post(ended_task);
	else
		ended();
}

void GatheredWrite::ended()
{
	copier.write_done(*this);
}

Result<Owned<Copier>> Copier::create(Worker &worker)
{
	auto copier = DMSNAP_TRY(make_owned<Copier>(worker));
	copier->windows_ =
		DMSNAP_TRY(Pool<Window>::create("dmsnap_window", windows_reserved, objects_kept));
	copier->transfers_ = DMSNAP_TRY(
		Pool<Transfer>::create("dmsnap_transfer", transfers_reserved, objects_kept));
	copier->writes_ = DMSNAP_TRY(
		Pool<GatheredWrite>::create("dmsnap_write", writes_reserved, objects_kept));
	DMSNAP_CHECK(copier->pages_.fill());
	return copier;
}

Copier::Copier(Worker &worker) : worker_(worker)
{
}

Copier::~Copier()
{
	throttle_timer_.cancel();
	memory_timer_.cancel();
	worker_.stop(memory_task_);
	worker_.stop(pump_task_);
	worker_.stop(submit_task_);
	idle_timer_.cancel();
	worker_.stop(idle_task_);
}

void Copier::start(CopyJob &job)
{
	job.started = 0;
	job.since_ns = dmsnap_port_now_ns();
	job.extent = job.sectors;
	job.targets.for_each([&job](CopyTarget &target) {
		uint64_t end = target.source_offset + target.sectors;
		job.extent = job.extent > end ? job.extent : end;
		target.sectors_left_.store_relaxed(target.sectors);
		target.error_.store_relaxed(0);
		target.read_failed = false;
	});
	(job.background_pages ? background_jobs_ : jobs_).push_back(job);
	pump();
}

void Copier::hurry(CopyJob &job)
{
	if (std::exchange(job.background_pages, 0) && job.link.linked()) {
		job.link.unlink();
		jobs_.push_back(job);
		worker_.post(pump_task_);
	}
}

bool Copier::has_spare(uint64_t sectors) const
{
	return jobs_.empty() && background_jobs_.empty() && stalled_.empty() &&
	       pages_.out() + sectors / sectors_per_page <= PageReserve::pages_max / 4;
}

void Copier::pump()
{
	pump_jobs(jobs_);
	if (jobs_.empty())
		pump_jobs(background_jobs_);
}

void Copier::pump_jobs(Jobs &jobs)
{
	while (CopyJob *job = jobs.front()) {
		if (throttled() || !start_window(*job))
			return;
	}
}

CopyShare *Copier::full_share(CopyJob &job, size_t wanted) const
{
	const size_t left = PageReserve::pages_max - pages_.out();
	CopyShare *full = nullptr;

	job.targets.for_each([&](CopyTarget &target) {
		if (target.share && target.share->pages > 0 && target.share->pages + wanted > left)
			full = target.share;
	});
	return full;
}

/* The part of @window for @target has been written, or has failed. */
void Copier::leave_share(const Window &window, CopyTarget &target)
{
	if (!target.share)
		return;
	target.share->pages -= window.page_count;
	if (target.share->jobs.empty())
		return;
	jobs_.take_all(target.share->jobs);
	/* Another target may hang and keep the window in use, so do not wait for its end. */
	worker_.post(pump_task_);
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
 * Starts a window, or lets the job wait for its share.  Returns false if memory is short, or it
 * is a background job and others come first.
 */
bool Copier::start_window(CopyJob &job)
{
	uint64_t left = job.extent - job.started;
	constexpr uint64_t sectors_max = window_pages_max * sectors_per_page;
	uint64_t length = cut_to_alignment(job, job.started, sectors_max, left);
	size_t wanted = pages_for(length);
	if (job.background_pages && windows_in_flight_ > 0 &&
	    pages_.out() + wanted > job.background_pages)
		return false;

	if (CopyShare *full = full_share(job, wanted)) {
		job.link.unlink();
		full->jobs.push_back(job);
		return true;
	}
	Window *window = windows_.get(*this, job);
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
	window->offset = job.started;
	window->sectors = static_cast<uint32_t>(
		length < room ? length : cut_to_alignment(job, job.started, room, left));

	window->since_ns = dmsnap_port_now_ns();
	statistics_.page_wait_us.add((window->since_ns - job.since_ns) / 1000);
	if (windows_in_flight_++ == 0)
		throttle_.begin(window->since_ns);
	job.windows++;
	job.reads++;
	job.started += window->sectors;
	if (job.started == job.extent)
		job.link.unlink();
	job.targets.for_each([window](CopyTarget &target) {
		if (target.share && !part_of(*window, target).empty())
			target.share->pages += window->page_count;
	});

	clear_rest(*window);
	read(*window, window->all());
	return true;
}

/* Reads up to the end of the job's source extent: clear_rest() has zeroed the rest. */
void Copier::read(Window &window, Part part)
{
	const CopyJob &job = window.job;
	uint64_t end = part.end < job.sectors ? part.end : job.sectors;

	window.read = part;
	if (part.begin >= end) {
		window.read_error = 0;
		worker_.post(window.read_task);
		return;
	}
	statistics_.read_sectors += end - part.begin;
	if (job.source_worker)
		job.source_worker->post(window.submit_task);
	else
		window.submit_read();
}

void Copier::read_done(Window &window)
{
	if (!window.apart) {
		uint64_t now = dmsnap_port_now_ns();
		statistics_.read_us.add((now - window.since_ns) / 1000);
		window.since_ns = now;
		/*
		 * An extra count until all writes are under way, so that none ends the window
		 * early.
		 */
		window.writes_in_flight = 1;
		window.next_target = window.job.targets.front();
		window.apart = window.read_error && !window.job.all_or_none;
		if (!window.apart)
			window_read(window.job);
	}
	write_on(window);
}

/* One of its windows no longer needs the source. */
void Copier::window_read(CopyJob &job)
{
	if (--job.reads == 0 && job.started == job.extent && job.all_read)
		job.all_read(job);
}

bool Copier::write_on(Window &window)
{
	while (CopyTarget *target = window.next_target) {
		Part part = part_of(window, *target);
		if (!part.empty()) {
			if (window.apart && window.read != part) {
				/* Do not read into pages that are being written. */
				if (window.writes_in_flight == 1)
					read(window, part);
				return true;
			}
			if (window.read_error) {
				target->read_failed = true;
				leave_share(window, *target);
				part_ended(window, *target, window.read_error);
			} else if (!write_to(window, *target)) {
				stalled_.push_back(window);
				wait_for_memory();
				return false;
			}
		}
		window.next_target = window.job.targets.next(*target);
	}
	if (window.apart)
		window_read(window.job);
	if (--window.writes_in_flight == 0)
		end_window(window);
	return true;
}

/* Returns false if there is no memory. */
bool Copier::write_to(Window &window, CopyTarget &target)
{
	Transfer *transfer = transfers_.get(window, target);
	if (!transfer)
		return false;

	Part part = part_of(window, target);
	uint64_t into_window = part.begin - window.offset;
	uint64_t first_page = into_window / sectors_per_page;
	auto skipped = static_cast<uint32_t>(into_window % sectors_per_page);
	size_t pages = pages_for(skipped + part.sectors());

	GatheredWrite *write = write_for(window.job, target,
					 target.sector + (part.begin - target.source_offset),
					 skipped, pages);
	if (!write) {
		transfers_.put(transfer);
		return false;
	}
	for (size_t i = 0; i < pages; i++)
		write->page_list[write->page_count++] = window.page_list[first_page + i];
	write->sectors += part.sectors();
	write->transfers.push_back(*transfer);
	window.writes_in_flight++;
	statistics_.written_sectors += part.sectors();

	/* Only a write that ends at a page boundary can grow. */
	bool full = write->page_count == window_pages_max ||
		    (write->skipped + write->sectors) % sectors_per_page != 0;
	if (full)
		submit(*write);
	else if (open_writes_.front() == open_writes_.back())
		worker_.post_late(submit_task_);
	return true;
}

/* The open write of the device if this continues it, else a new one. */
GatheredWrite *Copier::write_for(const CopyJob &job, const CopyTarget &target, uint64_t sector,
				 uint32_t skipped, size_t pages)
{
	GatheredWrite *open = open_writes_.front();
	while (open && open->device != target.device)
		open = open_writes_.next(*open);
	if (open && open->end() == sector && open->flags == job.write_flags &&
	    open->optional == job.optional && skipped == 0 &&
	    open->page_count + pages <= window_pages_max) {
		/*
		 * Windows have their targets in the same order, so the next one wanted is at the
		 * front.
		 */
		open->open_link.unlink();
		open_writes_.push_back(*open);
		return open;
	}
	if (open)
		submit(*open);
	GatheredWrite *write = writes_.get(*this, job, target, sector);
	if (!write)
		return nullptr;
	write->skipped = skipped;
	open_writes_.push_back(*write);
	return write;
}

void Copier::submit(GatheredWrite &write)
{
	write.open_link.unlink();
	if (write.worker)
		write.worker->post(write.submit_task);
	else
		write.submit();
}

void Copier::submit_gathered()
{
	while (GatheredWrite *write = open_writes_.front())
		submit(*write);
}

void Copier::write_done(GatheredWrite &write)
{
	while (Transfer *transfer = write.transfers.pop_front()) {
		Window &window = transfer->window;

		leave_share(window, transfer->target);
		transfers_.put(transfer);
		if (--window.writes_in_flight == 0)
			end_window(window);
		else if (window.next_target && window.writes_in_flight == 1 &&
			 !window.stalled_link.linked())
			stalled_.push_back(window);
	}
	writes_.put(&write);
	go_on_writing();
}

void Copier::go_on_writing()
{
	while (Window *stalled = stalled_.pop_front()) {
		if (!write_on(*stalled))
			break;
	}
}

void Copier::look_for_memory()
{
	go_on_writing();
	pump();
}

void Copier::part_ended(const Window &window, CopyTarget &target, int error)
{
	if (error && !target.error())
		target.error_.store_relaxed(error);
	/* A full barrier: whatever sees that the last part has ended also sees the error. */
	if (target.sectors_left_.sub(part_of(window, target).sectors()) == 0)
		target.done(target);
}

void Copier::end_window(Window &window)
{
	CopyJob &job = window.job;

	statistics_.write_us.add_us_since(window.since_ns);
	pages_.give_back(window.pages());
	windows_.put(&window);
	if (--windows_in_flight_ == 0) {
		throttle_.end(dmsnap_port_now_ns());
		idle_timer_.start(idle_ms);
	}

	if (--job.windows == 0 && job.started == job.extent) {
		while (job.targets.pop_front()) {
		}
		job.done(job);
	}
	pump();
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
