// SPDX-License-Identifier: GPL-2.0-only
/*
 * LoadRead: reads of a constructor, one at a time, into pages of its own.
 *
 * The COW device may be suspended, or hang, and whoever loads the table must be able
 * to give up: the process is killed.  A read cannot be called back; some time it
 * ends, into its pages.  So what the end touches belongs to the reader and to the
 * read in flight, and the last of the two frees it; the device stays as long
 * (DMSNAP_IO_MAY_OUTLIVE).
 *
 * Reads alone are given up.  A write might get to the disk when somebody else has
 * the device by then.
 *
 * Context: process; sleeps.  Construction only.
 */
#pragma once

#include <span>
#include <utility>

#include <dmsnap/port/device.h>

#include "base/atomic.hpp"
#include "base/error.hpp"

namespace dmsnap {

class LoadRead {
public:
	static constexpr unsigned int pages_max = 16;

	LoadRead() = default;
	LoadRead(LoadRead &&other)
	    : shared_(std::exchange(other.shared_, nullptr)),
	      in_flight_(std::exchange(other.in_flight_, false))
	{
	}
	LoadRead &operator=(LoadRead &&) = delete;
	/* Waits for a read in flight, or gives it up. */
	~LoadRead();

	/*
	 * Gets the pages for reads of up to @pages (<= pages_max); once.
	 * Errors: no_memory.
	 */
	Status allocate(unsigned int pages);
	bool is_allocated() const { return shared_; }
	/* wait() must follow, or the end. */
	void start(dmsnap_device *cow, uint64_t sector, uint64_t sectors);
	/*
	 * 0, or a negative errno of the device.
	 * Errors: interrupted; the pages are gone then.
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
