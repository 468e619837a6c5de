// SPDX-License-Identifier: GPL-2.0-only
#include "store/unusable_store.hpp"

#include "base/assert.hpp"
#include "format/disk_header.hpp"
#include "store/first_block.hpp"

namespace dmsnap {

Result<Owned<UnusableStore>> UnusableStore::create(dmsnap_device *cow, Worker &worker)
{
	auto store = DMSNAP_TRY(make_owned<UnusableStore>(CreateKey<UnusableStore>(), cow, worker));
	store->page_ = dmsnap_port_page_alloc(DMSNAP_ALLOC_CONSTRUCT);
	if (!store->page_)
		return fail(Error::no_memory);
	return store;
}

UnusableStore::~UnusableStore()
{
	DMSNAP_ASSERT(!mark_);
	if (page_)
		dmsnap_port_page_free(page_);
}

Result<NewChunks> UnusableStore::prepare(uint64_t)
{
	return fail(Error::cow_device_full);
}

void UnusableStore::commit(CommitBatch &batch)
{
	batch.status = fail(Error::write_failed);
	batch.done(batch);
}

StoreUsage UnusableStore::usage() const
{
	return {.allocated_sectors = 0,
		.total_sectors = dmsnap_port_device_sectors(cow_),
		.metadata_sectors = 0};
}

void UnusableStore::mark_invalid(InvalidMark &mark)
{
	mark_ = &mark;
	writing_ = false;
	submit(DMSNAP_IO_READ, DMSNAP_IO_META);
}

void UnusableStore::submit(dmsnap_io_op op, unsigned int flags)
{
	dmsnap_port_io_submit(cow_, op, flags, 0, first_block_sectors(cow_), &page_, 0, task_.ended,
			      task_.on(*worker_));
}

void UnusableStore::io_ended(int error)
{
	if (writing_ || error) {
		Error failure = writing_ ? Error::write_failed : Error::read_failed;
		end(error ? Status(fail(failure)) : Status());
		return;
	}
	std::span<std::byte, format::header_bytes> bytes(static_cast<std::byte *>(page_),
							 format::header_bytes);
	auto header = format::decode(bytes);
	if (header.kind != format::DecodedHeader::Kind::store || !header.header.valid) {
		end({});
		return;
	}
	header.header.valid = false;
	format::encode(header.header, bytes);
	writing_ = true;
	submit(DMSNAP_IO_WRITE,
	       DMSNAP_IO_PREFLUSH | DMSNAP_IO_FUA | DMSNAP_IO_SYNC | DMSNAP_IO_META);
}

void UnusableStore::end(Status status)
{
	InvalidMark *mark = mark_;

	mark_ = nullptr;
	mark->status = status;
	mark->done(*mark);
}

} // namespace dmsnap
