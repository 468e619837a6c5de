// SPDX-License-Identifier: GPL-2.0-only
#include "copier/copier.hpp"

#include <dmsnap/port/log.h>

namespace dmsnap {

namespace {

constexpr uint32_t sectors_per_page = DMSNAP_PAGE_SIZE / 512;
constexpr unsigned int windows_reserved = 4;
constexpr unsigned int transfers_reserved = 16;

/* The part of a window that a target wants, in sectors from the job's start. */
struct Part {
	uint64_t begin;
	uint64_t end;

	bool empty() const { return begin >= end; }
	uint64_t sectors() const { return end - begin; }
};

Part part_of(const Window &window, const CopyTarget &target)
{
	uint64_t window_end = window.offset + window.sectors;
	uint64_t target_end = target.source_offset + target.sectors;
	return {window.offset > target.source_offset ? window.offset : target.source_offset,
		window_end < target_end ? window_end : target_end};
}

size_t pages_for(uint64_t sectors)
{
	uint64_t pages = (sectors + sectors_per_page - 1) / sectors_per_page;
	return pages < window_pages_max ? pages : window_pages_max;
}

} // namespace

void Window::read_ended()
{
	copier.read_done(*this);
}

void Transfer::write_ended()
{
	window.copier.write_done(*this);
}

Result<Owned<Copier>> Copier::create(Worker &worker)
{
	auto copier = DMSNAP_TRY(make_owned<Copier>(worker));
	copier->windows_ = DMSNAP_TRY(Pool<Window>::create("dmsnap_window", windows_reserved));
	copier->transfers_ =
		DMSNAP_TRY(Pool<Transfer>::create("dmsnap_transfer", transfers_reserved));
	DMSNAP_CHECK(copier->pages_.fill());
	return copier;
}

Copier::Copier(Worker &worker) : worker_(worker)
{
}

Copier::~Copier()
{
	throttle_timer_.cancel();
	worker_.stop(pump_task_);
	idle_timer_.cancel();
	worker_.stop(idle_task_);
}

void Copier::start(CopyJob &job)
{
	job.started = 0;
	job.since_ns = dmsnap_port_now_ns();
	job.targets.for_each([](CopyTarget &target) {
		target.sectors_left = target.sectors;
		target.error = 0;
		target.read_failed = false;
	});
	(job.background_pages ? background_jobs_ : jobs_).push_back(job);
	pump();
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

bool Copier::throttled()
{
	unsigned int delay = throttle_.delay_ms(dmsnap_port_now_ns(), dmsnap_port_copy_throttle());
	if (delay == 0)
		return false;
	throttle_timer_.start(delay);
	return true;
}

/* False: memory is short; one in flight will end and pump() again. */
bool Copier::start_window(CopyJob &job)
{
	uint64_t left = job.sectors - job.started;
	size_t wanted = pages_for(left);
	if (job.background_pages && windows_in_flight_ > 0 &&
	    pages_.out() + wanted > job.background_pages)
		return false;

	Window *window = windows_.get(*this, job);
	if (!window)
		return false;
	window->page_count = pages_.take({window->page_list, wanted});
	if (window->page_count < wanted && windows_in_flight_ > 0) {
		pages_.give_back(window->pages());
		windows_.put(window);
		return false;
	}
	uint64_t room = window->page_count * sectors_per_page;
	window->offset = job.started;
	window->sectors = static_cast<uint32_t>(left < room ? left : room);

	window->since_ns = dmsnap_port_now_ns();
	statistics_.page_wait_us.add((window->since_ns - job.since_ns) / 1000);
	statistics_.read_sectors += window->sectors;
	if (windows_in_flight_++ == 0)
		throttle_.begin(window->since_ns);
	job.windows++;
	job.started += window->sectors;
	if (job.started == job.sectors)
		job.link.unlink();

	dmsnap_port_io_submit(
		job.source, DMSNAP_IO_READ, 0, job.sector + window->offset, window->sectors,
		window->page_list, 0,
		[](void *ctx, int error) {
			auto *of = static_cast<Window *>(ctx);
			of->read_error = error;
			of->copier.worker_.post(of->read_task);
		},
		window);
	return true;
}

void Copier::read_done(Window &window)
{
	uint64_t now = dmsnap_port_now_ns();
	statistics_.read_us.add((now - window.since_ns) / 1000);
	window.since_ns = now;
	/* Held until all writes are under way, so that none ends the window early. */
	window.writes_in_flight = 1;
	window.next_target = window.job.targets.front();
	write_on(window);
}

void Copier::write_on(Window &window)
{
	while (CopyTarget *target = window.next_target) {
		Part part = part_of(window, *target);
		if (!part.empty()) {
			if (window.read_error) {
				target->read_failed = true;
				part_ended(window, *target, window.read_error);
			} else if (!write_to(window, *target)) {
				stalled_.push_back(window);
				return;
			}
		}
		window.next_target = window.job.targets.next(*target);
	}
	if (--window.writes_in_flight == 0)
		end_window(window);
}

/* False: no Transfer, but others are in flight. */
bool Copier::write_to(Window &window, CopyTarget &target)
{
	Transfer *transfer = transfers_.get(window, target);
	if (!transfer)
		return false;

	Part part = part_of(window, target);
	uint64_t skipped = part.begin - window.offset;
	window.writes_in_flight++;
	statistics_.written_sectors += part.sectors();
	dmsnap_port_io_submit(
		target.device, DMSNAP_IO_WRITE, window.job.write_flags,
		target.sector + (part.begin - target.source_offset), part.sectors(),
		window.page_list + skipped / sectors_per_page,
		static_cast<uint32_t>(skipped % sectors_per_page) * 512,
		[](void *ctx, int error) {
			auto *of = static_cast<Transfer *>(ctx);
			of->error = error;
			of->window.copier.worker_.post(of->task);
		},
		transfer);
	return true;
}

void Copier::write_done(Transfer &transfer)
{
	Window &window = transfer.window;
	CopyTarget &target = transfer.target;
	int error = transfer.error;

	transfers_.put(&transfer);
	part_ended(window, target, error);
	if (--window.writes_in_flight == 0)
		end_window(window);
	if (Window *stalled = stalled_.pop_front())
		write_on(*stalled);
}

void Copier::part_ended(Window &window, CopyTarget &target, int error)
{
	if (error && !target.error)
		target.error = error;
	target.sectors_left -= part_of(window, target).sectors();
	if (target.sectors_left == 0)
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
		if (pages_.keeps_any())
			idle_timer_.start(idle_ms);
	}

	if (--job.windows == 0 && job.started == job.sectors) {
		while (job.targets.pop_front()) {
		}
		job.done(job);
	}
	pump();
}

void Copier::idle()
{
	if (windows_in_flight_ == 0)
		pages_.trim();
}

} // namespace dmsnap
