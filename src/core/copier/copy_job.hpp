// SPDX-License-Identifier: GPL-2.0-only
/*
 * CopyJob: an extent of a device to read once and write to any number of destinations.
 * CopyDestination: one of them, which may want only a part of the extent.  Both are embedded in the
 * objects they serve; the Copier drives them.
 */
#pragma once

#include <dmsnap/port/device.h>

#include "base/atomic.hpp"
#include "base/list.hpp"
#include "base/worker.hpp"

namespace dmsnap {

struct CopyShare;

class CopyDestination {
public:
	/*
	 * Called once, when the last write of this destination has ended; see error().  Runs on the
	 * destination's worker, or on the copier's if the destination has none or a read failed.
	 */
	using Done = void (*)(CopyDestination &);

	explicit CopyDestination(Done function) : done(function) {}

	/* Set these before the job is started. */
	dmsnap_device *device = nullptr;
	/*
	 * Submits to the device, which may make its submitter sleep: other destinations must not wait
	 * for that. nullptr: the copier's own.
	 */
	Worker *worker = nullptr;
	/* The destination's share of the copier's pages; nullptr: no limit. */
	CopyShare *share = nullptr;
	/* First sector to write. */
	uint64_t sector = 0;
	/*
	 * The part of the job's extent that it wants: offset in sectors, and length.  Past the
	 * end of the extent it gets zeros.
	 */
	uint64_t source_offset = 0;
	uint64_t sectors = 0;
	Done done;

	/* For done(): 0, or the first errno of a read or write, and whether a read failed. */
	int error() const { return error_.load_relaxed(); }
	bool read_failed = false;

	ListHook link;

private:
	friend class Copier;
	Atomic<int> error_;
	/* Sectors not yet written or failed. */
	Atomic<uint64_t> sectors_left_;
};

class CopyJob {
public:
	/* Called once, after every destination's done(), when the job is no longer in use. */
	using Done = void (*)(CopyJob &);

	explicit CopyJob(Done function) : done(function) {}

	/*
	 * Set these before the job is started.  The whole extent is read.  A job that is done has
	 * no destinations, and may be started again with new ones.
	 */
	dmsnap_device *source = nullptr;
	/* Submits to the source; see CopyDestination::worker. */
	Worker *source_worker = nullptr;
	uint64_t sector = 0;
	uint64_t sectors = 0;
	List<CopyDestination, &CopyDestination::link> destinations;
	Done done;
	/*
	 * Called once, before done(), when nothing more will be read, so the source may be
	 * closed.  May be nullptr.
	 */
	Done all_read = nullptr;
	/*
	 * Not 0: a background job.  It yields to the others.  While anything is in flight, it
	 * starts nothing that would raise the copier's pages in use above this.
	 */
	size_t background_pages = 0;
	/*
	 * A destination is useless without the others, so a failed read is not repeated for each
	 * destination.
	 */
	bool all_or_none = false;
	/*
	 * It may fail without loss.  So its writes are not gathered with those of other jobs,
	 * which would fail with them.
	 */
	bool optional = false;
	/*
	 * It is cut only where the source's sector is a multiple of this: the largest logical
	 * block of the destinations' devices, at most 256 KiB.
	 */
	uint32_t alignment = 1;
	/* Flags of the writes: %DMSNAP_IO_SYNC unless the system may delay them. */
	unsigned int write_flags = DMSNAP_IO_SYNC;

	ListHook link;

private:
	friend class Copier;
	/* Length in sectors, including what destinations want past the end of the source's extent. */
	uint64_t extent_ = 0;
	/* Sectors from the start for which a window has been started. */
	uint64_t started_ = 0;
	unsigned int windows_ = 0;
	/* Windows that are being read. */
	unsigned int reads_ = 0;
	uint64_t since_ns_ = 0;
};

/*
 * CopyShare: how many of the copier's pages one destination uses.  It gets more only while it has
 * no more than are left.  So a destination that hangs leaves half of the pages to the others, and
 * a second one leaves half of those.
 *
 * Context: the copier's worker.  It must live until its last write has come back there.
 */
struct CopyShare {
	size_t pages = 0;
	/* Jobs that wait for pages of this share. */
	List<CopyJob, &CopyJob::link> jobs;
};

} // namespace dmsnap
