// SPDX-License-Identifier: GPL-2.0-only
#include "store/transient_store.hpp"

namespace dmsnap {

Result<NewChunks> TransientStore::prepare(uint64_t wanted)
{
	/* Asked each time: the device may have grown. */
	uint64_t chunks = dmsnap_port_device_sectors(cow_) >> chunk_size_.shift();
	if (next_free_.value >= chunks)
		return fail(Error::cow_device_full);

	uint64_t left = chunks - next_free_.value;
	NewChunks taken{next_free_, wanted < left ? wanted : left};
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
	return {.allocated_sectors = chunk_size_.first_sector(next_free_.value),
		.total_sectors = dmsnap_port_device_sectors(cow_),
		.metadata_sectors = 0};
}

} // namespace dmsnap
