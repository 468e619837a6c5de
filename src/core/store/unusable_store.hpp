// SPDX-License-Identifier: GPL-2.0-only
/*
 * UnusableStore: takes the place of a persistent store that could not be loaded.  It allocates
 * nothing and records nothing.  It can only mark the store on the COW device invalid, when the
 * snapshot is about to lose data.
 *
 * Until then nothing is written: the store may be repairable, or may need only a longer device or
 * a cable.  But such a store may load at the next activation, and writes to the origin have not
 * been copied out meanwhile: the snapshot would be valid and wrong.  So the mark comes before the
 * first write to the origin that would need a copy:
 *
 *   step                                          if we crash after it
 *   1. the header is read again                   nothing has changed
 *   2. its mark is written: PREFLUSH, FUA         the origin is as it was; the store
 *                                                 is invalid, and its user has seen
 *                                                 it as invalid since 1
 *   3. the write goes to the origin               the store is invalid
 *
 * If the device holds no store, or one of another version, nothing is written: later activations
 * will refuse it as well.
 */
#pragma once

#include <dmsnap/port/device.h>
#include <dmsnap/port/memory.h>

#include "base/continuation.hpp"
#include "base/own.hpp"
#include "base/worker.hpp"
#include "store/exception_store.hpp"

namespace dmsnap {

class UnusableStore final : public ExceptionStore {
public:
	/*
	 * Errors: no_memory.
	 * Context: process, may sleep.
	 */
	static Result<Owned<UnusableStore>> create(dmsnap_device *cow, Worker &worker);
	UnusableStore(CreateKey<UnusableStore>, dmsnap_device *cow, Worker &worker)
	    : cow_(cow), worker_(&worker)
	{
	}
	/* No mark_invalid() may be in flight. */
	~UnusableStore();

	/* Errors: cow_device_full, always. */
	Result<NewChunks> prepare(uint64_t wanted) override DMSNAP_MUST_HOLD(origin_lock);
	void commit(CommitBatch &batch) override;
	/* Succeeds if there is nothing to mark. */
	void mark_invalid(InvalidMark &mark) override;
	StoreUsage usage() const override DMSNAP_MUST_HOLD(origin_lock);
	uint64_t free_chunks() const override DMSNAP_MUST_HOLD(origin_lock) { return 0; }
	bool cut_off() const override DMSNAP_MUST_HOLD(origin_lock) { return false; }
	void quiesce() override {}
	int quiesce_killable(const char *) override { return 0; }
	void set_device(dmsnap_device *cow, Worker &worker) override
	{
		cow_ = cow;
		worker_ = &worker;
	}

private:
	void submit(dmsnap_io_op op, unsigned int flags);
	void io_ended(int error);
	void end(Status status);

	dmsnap_device *cow_;
	Worker *worker_;
	/* Holds the block with the header. */
	void *page_ = nullptr;
	InvalidMark *mark_ = nullptr;
	bool writing_ = false;
	Continuation<UnusableStore, &UnusableStore::io_ended> task_{*this};
};

} // namespace dmsnap
