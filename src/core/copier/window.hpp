// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the Copier has in flight.  Window: a piece of a job and its pages.  Transfer: a window's
 * data for one destination.  GatheredWrite: the I/O that writes it, together with adjacent
 * transfers.
 *
 * A window whose read failed becomes several: one for each destination that wants only a part of
 * it, or for several in a row that want the same part.  Each has pages of its own, so none waits
 * for the writes of another.  If memory is too short for all of them, the window becomes the first
 * one, and has the others as its rest.  They follow when memory allows, at the latest when it
 * ends: then it becomes the next one itself.
 */
#pragma once

#include <span>

#include <dmsnap/port/memory.h>

#include "base/continuation.hpp"
#include "base/list.hpp"
#include "base/min_max.hpp"
#include "copier/copy_job.hpp"
#include "copier/throttle.hpp"

namespace dmsnap {

class Copier;

/* 256 KiB: long enough for a device to stream, short enough to overlap. */
constexpr unsigned int window_pages_max = 256 * 1024 / DMSNAP_PAGE_SIZE;
constexpr uint32_t sectors_per_page = DMSNAP_PAGE_SIZE / 512;

/* How many pages a window needs for @sectors. */
constexpr size_t pages_for(uint64_t sectors)
{
	uint64_t pages = (sectors + sectors_per_page - 1) / sectors_per_page;
	return smaller<uint64_t>(pages, window_pages_max);
}

/* A part of a job, in sectors from its start. */
struct Part {
	uint64_t begin;
	uint64_t end;

	bool empty() const { return begin >= end; }
	uint64_t sectors() const { return end - begin; }
	bool operator==(const Part &) const = default;
};

struct Window {
	Window(Copier &owner, CopyJob &of, CopyDestination *alone = nullptr)
	    : copier(owner), job(of), only(alone), first(alone ? alone : of.destinations.front()),
	      end(alone ? of.destinations.next(*alone) : nullptr)
	{
	}

	Copier &copier;
	CopyJob &job;
	/* See CopyCursor. */
	CopyDestination *only;
	/* From the start of the job. */
	uint64_t offset = 0;
	uint32_t sectors = 0;
	/* It was started for a background job, which may be none any more. */
	bool background = false;
	/* When the current step began. */
	uint64_t since_ns = 0;
	Throttle::Copy in_flight;

	Part all() const { return {offset, offset + sectors}; }

	/* The destinations that it serves: from first up to end, which is not one of them. */
	CopyDestination *first;
	CopyDestination *end = nullptr;
	CopyDestination *after(CopyDestination &destination) const
	{
		CopyDestination *next = job.destinations.next(destination);
		return next == end ? nullptr : next;
	}

	/* Submits the read.  The job's source_worker. */
	void submit_read();
	MethodTask<Window, &Window::submit_read> submit_task{*this};
	void read_ended(int error);
	Continuation<Window, &Window::read_ended> read_task{*this};
	int read_error = 0;

	/* In the copier's list of windows that are to be read again and have no pages. */
	ListHook again_link;
	/* The rest: destinations from here on still need windows for their parts of rest_of. */
	CopyDestination *rest = nullptr;
	Part rest_of = {};
	/* In the copier's list of windows with a rest. */
	ListHook rest_link;

	/* The next destination to write to; nullptr when all writes have been started. */
	CopyDestination *next_destination = nullptr;
	unsigned int writes_in_flight = 0;
	/* In the copier's list of windows that continue when a write has ended. */
	ListHook stalled_link;

	std::span<void *> pages() { return {page_list, page_count}; }
	size_t page_count = 0;
	void *page_list[window_pages_max];
};

/* What a destination wants of a part of its job. */
inline Part part_of(const Part &part, const CopyDestination &destination)
{
	uint64_t wanted_end = destination.source_offset + destination.sectors;
	return {larger(part.begin, destination.source_offset), smaller(part.end, wanted_end)};
}

/* The same of windows that serve all destinations. */
inline Part shared_part_of(const Part &part, const CopyDestination &destination)
{
	const Part wanted = part_of(part, destination);
	return {wanted.begin, smaller(wanted.end, destination.apart_from_)};
}

inline Part part_of(const Window &window, const CopyDestination &destination)
{
	return window.only ? part_of(window.all(), destination)
			   : shared_part_of(window.all(), destination);
}

/* If @part cannot be read, may it still get what it wants of it? */
inline bool wants_less(const Part &part, const CopyDestination &destination)
{
	const Part wanted = shared_part_of(part, destination);
	return !wanted.empty() && wanted != part;
}

struct Transfer {
	Transfer(Window &of, CopyDestination &to, uint64_t length)
	    : window(of), destination(to), sectors(length)
	{
	}

	Window &window;
	CopyDestination &destination;
	uint64_t sectors;
	/* In the list of its GatheredWrite. */
	ListHook link;
};

struct GatheredWrite {
	GatheredWrite(Copier &owner, const CopyJob &job, const CopyDestination &to, uint64_t at)
	    : copier(owner), device(to.device), worker(to.worker), sector(at),
	      flags(job.write_flags), optional(job.optional)
	{
	}

	uint64_t end() const { return sector + sectors; }

	Copier &copier;
	dmsnap_device *device;
	Worker *worker;
	uint64_t sector;
	uint64_t sectors = 0;
	unsigned int flags;
	bool optional;
	List<Transfer, &Transfer::link> transfers;

	/* Submits it.  The worker of its destinations. */
	void submit();
	MethodTask<GatheredWrite, &GatheredWrite::submit> submit_task{*this};
	/* Tells its destinations.  The same worker. */
	void written(int error);
	Continuation<GatheredWrite, &GatheredWrite::written> written_task{*this};
	void ended();
	MethodTask<GatheredWrite, &GatheredWrite::ended> ended_task{*this};

	/* In the copier's list of writes that may still grow. */
	ListHook open_link;

	/* Sectors of the first page that are not written. */
	uint32_t skipped = 0;
	size_t page_count = 0;
	void *page_list[window_pages_max];
};

} // namespace dmsnap
