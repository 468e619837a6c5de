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
struct Part;
class CopyDestination;
class CopyJob;

/*
 * CopyCursor: how far windows have been started for a job; or for a single destination of it that
 * the others went on without.
 */
struct CopyCursor {
	CopyJob *job = nullptr;
	/* nullptr: all destinations that have no cursor of their own at this place. */
	CopyDestination *only = nullptr;
	/* In sectors from the start of the job: where the next window begins, and the last ends. */
	uint64_t at = 0;
	uint64_t end = 0;
	ListHook link;
};

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
	/*
	 * If it has a share: the job's source, open until this destination has ended.  If the share
	 * is full and the device does not answer, the job goes on without this destination.  What
	 * it misses is read again later, from here.
	 */
	dmsnap_device *source = nullptr;
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
	friend Part shared_part_of(const Part &part, const CopyDestination &destination);
	Atomic<int> error_;
	/* Sectors not yet written or failed. */
	Atomic<uint64_t> sectors_left_;
	CopyCursor cursor_;
	/* From here on its own cursor counts.  In sectors from the start of the job. */
	uint64_t apart_from_ = UINT64_MAX;
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
	/* The source's share of the copier's pages; nullptr: no limit. */
	CopyShare *share = nullptr;
	uint64_t sector = 0;
	uint64_t sectors = 0;
	List<CopyDestination, &CopyDestination::link> destinations;
	Done done;
	/*
	 * Called once, before done(), when nothing more will be read, so the source may be
	 * closed, except for CopyDestination::source.  May be nullptr.
	 */
	Done all_read = nullptr;
	/*
	 * Not 0: a background job.  It yields to the others, and its destinations have no shares.
	 * While anything is in flight, it starts nothing that would raise the copier's pages in use
	 * above this.
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

private:
	friend class Copier;
	/* Its end includes what destinations want past the end of the source's extent. */
	CopyCursor cursor_;
	/* How many cursors have not reached their end: its own, and those of destinations. */
	unsigned int cursors_ = 0;
	unsigned int windows_ = 0;
	/* Windows of its own cursor that are being read. */
	unsigned int reads_ = 0;
	uint64_t since_ns_ = 0;
};

/*
 * CopyShare: how many of the copier's pages one destination, or one source, uses.  It gets more
 * only while it has no more than are left.  So a device that hangs leaves half of the pages to the
 * others, and a second one leaves half of those.
 *
 * Context: the copier's worker.  It must live until its last write has come back there, or for a
 * source, until the job is done.
 */
struct CopyShare {
	size_t pages = 0;
	/* For a destination: when a write for it last ended, or its first one came. */
	uint64_t answered_ns = 0;
	/* For a destination: cursors of it alone that wait for pages of the share. */
	List<CopyCursor, &CopyCursor::link> cursors;
};

} // namespace dmsnap
