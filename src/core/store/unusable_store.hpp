// SPDX-License-Identifier: GPL-2.0-only
/*
 * UnusableStore: takes the place of a persistent store that could not be loaded.
 * It hands out nothing and records nothing; all it can do is to mark the store on
 * the COW device, when the snapshot has lost something for good.
 *
 * Until then nothing is written: what is there may be repaired, or need only a
 * longer device or a cable.  But such a store may be good at the next activation,
 * and the origin has been written meanwhile with nobody to copy what was there:
 * the snapshot would be valid and wrong.  So the mark comes before the first write
 * to the origin that the snapshot would have had to see:
 *
 *   step                                          if we crash after it
 *   1. the header is read again                   nothing has changed
 *   2. its mark is written: PREFLUSH, FUA         the origin is as it was; the store
 *                                                 is invalid, which it was to its
 *                                                 user since 1
 *   3. the write goes to the origin               the store is invalid
 *
 * What is no store, or one of another version, is nobody's to write to.  It stays
 * what it is, and so does what comes of it.
 */
#pragma once

#include <dmsnap/port/device.h>
#include <dmsnap/port/memory.h>

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
	/* Private to create(). */
	UnusableStore(dmsnap_device *cow, Worker &worker) : cow_(cow), worker_(&worker) {}
	/* No mark may be in flight. */
	~UnusableStore();

	/* Errors: cow_device_full, always. */
	Result<NewChunks> prepare(uint64_t wanted) override;
	void commit(CommitBatch &batch) override;
	/* Succeeds when there is nothing to mark. */
	void mark_invalid(InvalidMark &mark) override;
	StoreUsage usage() const override;
	uint64_t free_chunks() const override { return 0; }
	bool cut_off() const override { return false; }
	void quiesce() override {}
	int quiesce_killable(const char *) override { return 0; }
	void set_device(dmsnap_device *cow, Worker &worker) override
	{
		cow_ = cow;
		worker_ = &worker;
	}

private:
	void submit(dmsnap_io_op op, unsigned int flags);
	void io_ended();
	void end(Status status);

	dmsnap_device *cow_;
	Worker *worker_;
	/* The block with the header. */
	void *page_ = nullptr;
	InvalidMark *mark_ = nullptr;
	bool writing_ = false;
	int error_ = 0;
	MethodTask<UnusableStore, &UnusableStore::io_ended> task_{*this};
};

} // namespace dmsnap
