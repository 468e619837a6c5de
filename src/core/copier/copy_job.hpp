// SPDX-License-Identifier: GPL-2.0-only
/*
 * CopyJob: one stretch of a device to be read once and written to any number of
 * places.  CopyTarget: one of these places, which may want only a part of it.
 * Both are embedded in what they serve; the Copier drives them.
 */
#pragma once

#include <dmsnap/port/device.h>

#include "base/atomic.hpp"
#include "base/list.hpp"
#include "base/worker.hpp"

namespace dmsnap {

struct CopyShare;

class CopyTarget {
public:
	/*
	 * Called once, when the last write of this target has ended; see error.  On the
	 * worker of the target; on the copier's if it has none, or something was not read.
	 */
	using Done = void (*)(CopyTarget &);

	explicit CopyTarget(Done function) : done(function) {}

	/* To be set before the job is started. */
	dmsnap_device *device = nullptr;
	/*
	 * Submits to the device, which may make its submitter sleep: others must not wait for
	 * that.  nullptr: the copier's own.
	 */
	Worker *worker = nullptr;
	/* What its device has of the copier's pages; nullptr: as many as there are. */
	CopyShare *share = nullptr;
	/* First sector to write. */
	uint64_t sector = 0;
	/*
	 * What part of the job's stretch it wants: sectors from its start, length.  Where
	 * it reaches over the end of the stretch it gets zeros.
	 */
	uint64_t source_offset = 0;
	uint64_t sectors = 0;
	Done done;

	/* For done(): 0, or the first errno of a read or write, and which of the two it was. */
	int error() const { return error_.load_relaxed(); }
	bool read_failed = false;

	ListHook link;

private:
	friend class Copier;
	Atomic<int> error_;
	/* Not yet written (or given up). */
	Atomic<uint64_t> sectors_left_;
};

class CopyJob {
public:
	/*
	 * Called once, after every target's done() and when nothing of the job is
	 * in use any more.
	 */
	using Done = void (*)(CopyJob &);

	explicit CopyJob(Done function) : done(function) {}

	/*
	 * To be set before the job is started; all of the stretch is read.  A job that is
	 * done has no targets, and may be started again with new ones.
	 */
	dmsnap_device *source = nullptr;
	/* Submits to the source, as CopyTarget::worker does. */
	Worker *source_worker = nullptr;
	uint64_t sector = 0;
	uint64_t sectors = 0;
	List<CopyTarget, &CopyTarget::link> targets;
	Done done;
	/*
	 * Called once, before done(), when nothing more will be read: the source may be
	 * closed.  nullptr: nobody asks.
	 */
	Done all_read = nullptr;
	/*
	 * Not 0: nobody waits for it.  It lets the others go first, and while anything
	 * is in flight it begins nothing that would make more pages of that.
	 */
	size_t background_pages = 0;
	/*
	 * A target is of no use without the others, so when a read has failed nobody
	 * looks for those who could do without it.
	 */
	bool all_or_none = false;
	/*
	 * Nothing is lost if it fails.  So its writes are not gathered with those of others,
	 * which would fail with them.
	 */
	bool optional = false;
	/*
	 * It is cut only where the source's sector is a multiple of this, at most 256 KiB:
	 * the largest logical block of the targets' devices.
	 */
	uint32_t alignment = 1;
	/* Of the writes: %DMSNAP_IO_SYNC unless the system may hold them back. */
	unsigned int write_flags = DMSNAP_IO_SYNC;

	ListHook link;

private:
	friend class Copier;
	/* Of the stretch, and what targets want behind it. */
	uint64_t extent = 0;
	/* Sectors from the start for which a window has been started. */
	uint64_t started = 0;
	unsigned int windows = 0;
	/* Of these, so many are being read. */
	unsigned int reads = 0;
	uint64_t since_ns = 0;
};

/*
 * CopyShare: what one destination has of the copier's pages.  It gets more only as long as it
 * has no more than are left.  So one that does not answer leaves half of them to the others,
 * and a second one half of those.
 *
 * Context: the copier's worker.  It lives until the last of its writes has come back there.
 */
struct CopyShare {
	size_t pages = 0;
	/* That wait for some of these. */
	List<CopyJob, &CopyJob::link> jobs;
};

} // namespace dmsnap
