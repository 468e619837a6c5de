// SPDX-License-Identifier: GPL-2.0-only
/*
 * ExceptionStore: records the exceptions of one snapshot, and allocates the chunks of its COW
 * device.  PersistentStore survives a reboot, TransientStore does not.
 *
 * Locking: allocation is under the origin's lock.  Functions marked "worker" run on the worker, one
 * at a time.  A store has no lock of its own.
 */
#pragma once

#include <cstdint>

#include <dmsnap/port/device.h>

#include "base/chunk.hpp"
#include "base/error.hpp"
#include "base/list.hpp"
#include "base/worker.hpp"
#include "store/store_usage.hpp"

namespace dmsnap {

/* Consecutive chunks of the COW device. */
struct NewChunks {
	NewChunk begin;
	uint64_t count = 0;
};

/* A run to record. */
struct CommitEntry {
	Run run;
	ListHook link;
};

/* Runs that are recorded together.  Embedded in the object that waits for it. */
struct CommitBatch {
	/* Called once, on the worker, perhaps before commit() returns. */
	using Done = void (*)(CommitBatch &);

	explicit CommitBatch(Done function) : done(function) {}

	List<CommitEntry, &CommitEntry::link> entries;
	Done done;
	/* For done().  If a batch failed, nothing of it may be relied on. */
	Status status;
};

/* Request to record durably that the snapshot is invalid. */
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
	 * Allocates up to @wanted (> 0) contiguous free chunks; fewer if the free extent is
	 * shorter.  They are not allocated again while the store is loaded.
	 * Errors: cow_device_full, cow_device_cut_off.
	 * Context: any.
	 */
	virtual Result<NewChunks> prepare(uint64_t wanted) DMSNAP_MUST_HOLD(origin_lock) = 0;

	/*
	 * Records the runs of @batch durably, in their order.  Their data must be on the COW
	 * device, and is made durable first.  Only one batch may be in flight.  The entries stay
	 * on the batch's list.
	 * Context: worker.
	 */
	virtual void commit(CommitBatch &batch) = 0;

	/*
	 * Records durably that the snapshot is invalid.  Called once; a commit may be in flight,
	 * but none is begun later.
	 * Context: worker.
	 */
	virtual void mark_invalid(InvalidMark &mark) = 0;

	/* Context: any. */
	virtual StoreUsage usage() const DMSNAP_MUST_HOLD(origin_lock) = 0;

	/* The total that prepare() can still allocate.  Context: any. */
	virtual uint64_t free_chunks() const DMSNAP_MUST_HOLD(origin_lock) = 0;

	/*
	 * Is the COW device too short for chunks in use?  It was shrunk, or has gone, so that its
	 * length is 0.  Context: any.
	 */
	virtual bool cut_off() const DMSNAP_MUST_HOLD(origin_lock) = 0;

	/*
	 * Sleeps until no work that was begun ahead of time is in flight.  Nothing may be begun
	 * meanwhile.  Context: process; not on the worker.
	 */
	virtual void quiesce() = 0;

	/*
	 * The same, but returns -EINTR if the process is killed.  Work may begin after that, and
	 * quiesce() or this may follow.
	 * @what: see dmsnap_port_event_wait_killable().
	 */
	virtual int quiesce_killable(const char *what) = 0;

	/*
	 * A snapshot takes over the store: sets its handle of the same COW device, and its
	 * worker.  Nothing may be in flight.
	 */
	virtual void set_device(dmsnap_device *cow, Worker &worker) = 0;

protected:
	~ExceptionStore() = default;
};

} // namespace dmsnap
