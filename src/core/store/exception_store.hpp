// SPDX-License-Identifier: GPL-2.0-only
/*
 * ExceptionStore: where the exceptions of one snapshot are recorded, and who
 * hands out the chunks of its COW device.  PersistentStore survives a reboot,
 * TransientStore does not.
 *
 * Locking: what is marked "allocation lock" is called with one and the same lock
 * of the caller's held; what is marked "worker" runs on the worker, one at a
 * time.  A store has no lock of its own.
 */
#pragma once

#include <cstdint>

#include <dmsnap/port/device.h>

#include "base/chunk.hpp"
#include "base/error.hpp"
#include "base/list.hpp"
#include "base/worker.hpp"
#include "table/status_line.hpp"

namespace dmsnap {

/* Consecutive chunks of the COW device. */
struct NewChunks {
	NewChunk begin;
	uint64_t count = 0;
};

/* A run that is to be recorded. */
struct CommitEntry {
	Run run;
	ListHook link;
};

/* What is recorded together.  Embedded in what waits for it. */
struct CommitBatch {
	/* Called once, on the worker, perhaps before commit() returns. */
	using Done = void (*)(CommitBatch &);

	explicit CommitBatch(Done function) : done(function) {}

	List<CommitEntry, &CommitEntry::link> entries;
	Done done;
	/* For done(): nothing of a batch that failed may be relied on. */
	Status status;
};

/* A request to make it known for ever that the snapshot is not valid. */
struct InvalidMark {
	/* Called once, on the worker, perhaps before mark_invalid() returns. */
	using Done = void (*)(InvalidMark &);

	explicit InvalidMark(Done function) : done(function) {}

	Done done;
	Status status;
};

class ExceptionStore {
public:
	/*
	 * Takes up to @wanted (> 0) free chunks that lie together; fewer when the
	 * free stretch ends.  They are never handed out again.
	 * Errors: cow_device_full, cow_device_cut_off.
	 * Context: any; allocation lock.
	 */
	virtual Result<NewChunks> prepare(uint64_t wanted) = 0;

	/*
	 * Records the runs of @batch, in their order, durably.  Their data must be
	 * on the COW device; it is made durable first.  One batch at a time; the
	 * entries stay on the batch's list.
	 * Context: worker.
	 */
	virtual void commit(CommitBatch &batch) = 0;

	/*
	 * Records durably that the snapshot is not valid.  Once; a commit may be
	 * in flight, none is begun later.
	 * Context: worker.
	 */
	virtual void mark_invalid(InvalidMark &mark) = 0;

	/* Context: any; allocation lock. */
	virtual StoreUsage usage() const = 0;

	/* What prepare() can still hand out, in all.  Context: any; allocation lock. */
	virtual uint64_t free_chunks() const = 0;

	/*
	 * Has the COW device lost chunks that are in use?  It was made shorter, or is
	 * gone: then it has no length.  Context: any; allocation lock.
	 */
	virtual bool cut_off() const = 0;

	/*
	 * Sleeps until nothing is in flight that was begun ahead of time.  Nobody
	 * may begin anything meanwhile.  Context: process; not on the worker.
	 */
	virtual void quiesce() = 0;

	/*
	 * The same, until the process is killed: -EINTR; quiesce() may follow.
	 * @what: see dmsnap_port_event_wait_killable().
	 */
	virtual int quiesce_killable(const char *what) = 0;

	/*
	 * The COW device, again, and the worker from now on, of a snapshot that takes the
	 * store over.  Nothing is in flight.
	 */
	virtual void set_device(dmsnap_device *cow, Worker &worker) = 0;

protected:
	~ExceptionStore() = default;
};

} // namespace dmsnap
