// SPDX-License-Identifier: GPL-2.0-only
/*
 * LoadRead: reads made by a constructor, one at a time, into its own pages.
 *
 * The COW device may be suspended, or hang, and a process that loads a table must be killable
 * meanwhile.  A read cannot be cancelled: it will end some time later, and write to its pages.
 * So everything that its completion touches is shared by the reader and the read in flight, and
 * the last of the two frees it.  The device stays open until then (DMSNAP_IO_MAY_OUTLIVE).
 *
 * Only reads are abandoned like this.  A write might reach the disk after the device has another
 * owner.
 *
 * Context: process; sleeps.  Construction only.
 */
#pragma once

#include <span>
#include <utility>

#include <dmsnap/port/device.h>
#include <dmsnap/port/memory.h>

#include "base/atomic.hpp"
#include "base/error.hpp"

namespace dmsnap {

class LoadRead {
public:
	/* 64 KiB. */
	static constexpr unsigned int pages_max = 64 * 1024 / DMSNAP_PAGE_SIZE;

	LoadRead() = default;
	LoadRead(LoadRead &&other)
	    : shared_(std::exchange(other.shared_, nullptr)),
	      in_flight_(std::exchange(other.in_flight_, false))
	{
	}
	LoadRead &operator=(LoadRead &&) = delete;
	/* Waits for a read in flight, or abandons it. */
	~LoadRead();

	/*
	 * Allocates pages for reads of up to @pages pages (<= pages_max); once.
	 * Errors: no_memory.
	 */
	Status allocate(unsigned int pages);
	bool is_allocated() const { return shared_; }
	/* wait() or the destructor must follow. */
	void start(dmsnap_device *cow, uint64_t sector, uint64_t sectors);
	/*
	 * Returns 0, or a negative errno of the device.
	 * Errors: interrupted; then the pages are gone.
	 */
	Result<int> wait();
	std::span<void *const> pages() const;

private:
	struct Shared;

	static void ended(void *ctx, int error);
	static void free(Shared *shared);

	Shared *shared_ = nullptr;
	bool in_flight_ = false;
};

} // namespace dmsnap
