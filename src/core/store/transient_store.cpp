// SPDX-License-Identifier: GPL-2.0-only
#include "store/transient_store.hpp"
#include "base/min_max.hpp"

namespace dmsnap {

Result<NewChunks> TransientStore::prepare(uint64_t wanted)
{
	limit_.tell(cow_);
	uint64_t left = free_chunks();
	if (left == 0)
		return fail(cut_off() ? Error::cow_device_cut_off : Error::cow_device_full);

	NewChunks taken{next_free_, smaller(wanted, left)};
	next_free_ = next_free_ + taken.count;
	return taken;
}

void TransientStore::commit(CommitBatch &batch)
{
	batch.status = {};
	batch.done(batch);
}

void TransientStore::mark_invalid(InvalidMark &mark)
{
	mark.status = {};
	mark.done(mark);
}

StoreUsage TransientStore::usage() const
{
	return {.allocated_sectors = chunk_size_.first_sector(next_free_),
		.total_sectors = limit_.sectors(cow_),
		.metadata_sectors = 0};
}

uint64_t TransientStore::free_chunks() const
{
	NewChunk end = device_end();
	return next_free_ < end ? end - next_free_ : 0;
}

bool TransientStore::cut_off() const
{
	return device_end() < next_free_;
}

} // namespace dmsnap
