// SPDX-License-Identifier: GPL-2.0-only
#include "store/persistent_store.hpp"

#include "base/min_max.hpp"
#include "format/disk_header.hpp"
#include "store/metadata_block.hpp"

namespace dmsnap {

PersistentStore::PersistentStore(CreateKey<PersistentStore>, dmsnap_device *cow,
				 const format::Geometry &geometry, NewChunk limit, Worker &worker,
				 Owned<FreeChunks> free_chunks)
    : cow_(cow), geometry_(geometry), worker_(&worker), limit_(geometry.chunk_size(), limit),
      free_chunks_(std::move(free_chunks)),
      block_bytes_(smaller(geometry.chunk_size().sectors(), block_sectors_max) * sector_bytes),
      slots_per_block_(block_bytes_ / static_cast<uint32_t>(format::exception_bytes))
{
}

PersistentStore::~PersistentStore()
{
	DMSNAP_ASSERT(!batch_ && !mark_ && next_area_ != Zeroed::in_flight);
	for (void *page : buffer_) {
		if (page)
			dmsnap_port_page_free(page);
	}
	if (header_page_)
		dmsnap_port_page_free(header_page_);
}

Status PersistentStore::allocate()
{
	for (void *&page : buffer_) {
		page = dmsnap_port_page_alloc(DMSNAP_ALLOC_CONSTRUCT);
		if (!page)
			return fail(Error::no_memory);
	}
	header_page_ = dmsnap_port_page_alloc(DMSNAP_ALLOC_CONSTRUCT);
	if (!header_page_)
		return fail(Error::no_memory);
	clear(buffer_[0]);
	return {};
}

uint64_t PersistentStore::device_chunks() const
{
	return limit_.chunks(cow_);
}

bool PersistentStore::area_exists(uint64_t area) const
{
	return area < geometry_.areas_in(device_chunks());
}

uint64_t PersistentStore::area_sector(uint64_t area) const
{
	return geometry_.chunk_size().first_sector(geometry_.area_chunk(area));
}

/*
 * The last slot of an area is used only if the device has room for the next area: a full area
 * means that the list continues there.
 */
Result<NewChunks> PersistentStore::prepare(uint64_t wanted)
{
	limit_.tell(cow_);
	uint64_t area = geometry_.area_of_exception(entries_prepared_);
	uint64_t slots =
		geometry_.exceptions_per_area() - geometry_.slot_of_exception(entries_prepared_);

	if (!area_exists(area + 1))
		slots--;
	NewChunks taken;
	if (slots > 0)
		taken = free_chunks_->take(smaller(wanted, slots), {device_chunks()});
	if (taken.count == 0)
		return fail(cut_off() ? Error::cow_device_cut_off : Error::cow_device_full);
	entries_prepared_ += taken.count;
	merged_end_ = {};
	return taken;
}

StoreUsage PersistentStore::usage() const
{
	ChunkSize chunk_size = geometry_.chunk_size();
	NewChunk end = merged_end_ != NewChunk{} ? merged_end_ : free_chunks_->next_free();
	return {.allocated_sectors = chunk_size.first_sector(end),
		.total_sectors = limit_.sectors(cow_),
		/* The header, and the areas up to that of the next entry, recorded or not. */
		.metadata_sectors =
			chunk_size.sectors_in(geometry_.area_of_exception(entries_prepared_) + 2)};
}

uint64_t PersistentStore::free_chunks() const
{
	uint64_t chunks = device_chunks();
	/* The last slot of the last area stays empty: see prepare(). */
	uint64_t slots = geometry_.areas_in(chunks) * geometry_.exceptions_per_area();
	if (slots <= entries_prepared_)
		return 0;
	uint64_t entries = slots - 1 - entries_prepared_;
	uint64_t free = free_chunks_->count({chunks});
	return smaller(free, entries);
}

/* The chunk before next_free() may be a metadata chunk that does not exist yet. */
bool PersistentStore::cut_off() const
{
	NewChunk last = free_chunks_->next_free() - 1;
	if (geometry_.is_metadata(last) && last > geometry_.area_chunk(0))
		last = last - 1;
	return NewChunk{device_chunks()} <= last;
}

void PersistentStore::mark_invalid(InvalidMark &mark)
{
	mark_ = &mark;
	format::encode({.valid = false, .chunk_sectors = geometry_.chunk_size().sectors()},
		       bytes_of(header_page_, block_bytes_));
	dmsnap_port_io_submit(cow_, DMSNAP_IO_WRITE, durable_metadata, 0,
			      block_bytes_ / sector_bytes, &header_page_, 0, mark_task_.ended,
			      mark_task_.on(*worker_));
}

void PersistentStore::mark_ended(int error)
{
	InvalidMark *mark = mark_;

	mark_ = nullptr;
	mark->status = status_of_write(error);
	mark->done(*mark);
}

void PersistentStore::ask_for_quiet()
{
	question_.asked = true;
	new (&question_.quiet) Event;
	/* On the worker, as only it may look at next_area_. */
	worker_->post(question_);
}

void PersistentStore::quiesce()
{
	/* The answer to a wait that was killed may be old. */
	if (question_.asked)
		question_.quiet.wait();
	ask_for_quiet();
	question_.quiet.wait();
	question_.asked = false;
}

int PersistentStore::quiesce_killable(const char *what)
{
	int killed = question_.asked ? question_.quiet.wait_killable(what) : 0;
	if (!killed) {
		ask_for_quiet();
		killed = question_.quiet.wait_killable(what);
	}
	question_.asked = killed;
	return killed;
}

} // namespace dmsnap
