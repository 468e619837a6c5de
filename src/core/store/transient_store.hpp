// SPDX-License-Identifier: GPL-2.0-only
/*
 * TransientStore: allocates the chunks of the COW device from the first to the last, and records
 * nothing.  The snapshot is lost when its table is removed.
 */
#pragma once

#include <dmsnap/port/device.h>

#include "store/cow_limit.hpp"
#include "store/exception_store.hpp"

namespace dmsnap {

class TransientStore final : public ExceptionStore {
public:
	/* No chunk from @limit on is allocated. */
	TransientStore(dmsnap_device *cow, ChunkSize chunk_size, NewChunk limit)
	    : cow_(cow), chunk_size_(chunk_size), limit_(chunk_size, limit)
	{
	}

	Result<NewChunks> prepare(uint64_t wanted) override DMSNAP_MUST_HOLD(origin_lock);
	void commit(CommitBatch &batch) override;
	void mark_invalid(InvalidMark &mark) override;
	StoreUsage usage() const override DMSNAP_MUST_HOLD(origin_lock);
	uint64_t free_chunks() const override DMSNAP_MUST_HOLD(origin_lock);
	bool cut_off() const override DMSNAP_MUST_HOLD(origin_lock);
	void quiesce() override {}
	int quiesce_killable(const char *) override { return 0; }
	void set_device(dmsnap_device *cow, Worker &) override { cow_ = cow; }

private:
	/* Read each time: the device may have grown. */
	NewChunk device_end() const { return {limit_.chunks(cow_)}; }

	dmsnap_device *cow_;
	ChunkSize chunk_size_;
	CowLimit limit_;
	NewChunk next_free_;
};

} // namespace dmsnap
