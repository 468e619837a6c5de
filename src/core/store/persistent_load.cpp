// SPDX-License-Identifier: GPL-2.0-only
/*
 * PersistentStore: reads the header and the list when a snapshot is made or activated, or creates
 * an empty store.  Everything on the device is untrusted here.
 */
#include <dmsnap/port/log.h>

#include "base/min_max.hpp"
#include "format/disk_header.hpp"
#include "store/load_read.hpp"
#include "store/metadata_block.hpp"
#include "store/persistent_store.hpp"
#include "store/sync_io.hpp"

namespace dmsnap {

namespace {

Error read_failure(const char *what, uint64_t sector, int error)
{
	dmsnap_port_log(DMSNAP_LOG_ERROR,
			"snapshot store refused: reading %s at sector %llu failed (error %d)", what,
			static_cast<unsigned long long>(sector), error);
	return Error::read_failed;
}

/* Reads and decodes the header. */
Result<format::DecodedHeader> read_header(dmsnap_device *cow, uint32_t block_sectors)
{
	LoadRead read;
	DMSNAP_CHECK(read.allocate(1));
	read.start(cow, 0, block_sectors);
	int error = DMSNAP_TRY(read.wait());
	if (error)
		return fail(read_failure("the header", 0, error));
	return format::decode(
		bytes_of(read.pages()[0], DMSNAP_PAGE_SIZE).first<format::header_bytes>());
}

Result<ChunkSize> chunk_size_from_header(uint32_t on_disk, uint32_t asked_for,
					 const format::BlockSizes &blocks)
{
	if (auto status = format::check_chunk_size(on_disk, blocks); !status) {
		dmsnap_port_log(DMSNAP_LOG_ERROR, "invalid on-disk chunk size %u: %s.", on_disk,
				to_text(status.error()));
		return fail(status.error());
	}
	if (asked_for && asked_for != on_disk)
		dmsnap_port_log(
			DMSNAP_LOG_WARNING,
			"chunk size %u in device metadata overrides table chunk size of %u.",
			on_disk, asked_for);
	return ChunkSize(on_disk);
}

/* Decides the chunk size; nothing else of the header matters to a valid store. */
Result<ChunkSize> decide_chunk_size(const format::DecodedHeader &header, uint32_t asked_for,
				    const format::BlockSizes &blocks)
{
	using Kind = format::DecodedHeader::Kind;

	switch (header.kind) {
	case Kind::blank: {
		uint32_t sectors = asked_for ? asked_for : format::default_chunk_sectors(blocks);
		/* @asked_for was checked by the caller, so only the default can fail. */
		if (!format::check_chunk_size(sectors, blocks))
			return fail(Error::chunk_size_zero);
		return ChunkSize(sectors);
	}
	case Kind::store:
		return chunk_size_from_header(header.header.chunk_sectors, asked_for, blocks);
	case Kind::magic_unknown:
		dmsnap_port_log(DMSNAP_LOG_WARNING, "Invalid or corrupt snapshot");
		return fail(Error::magic_unknown);
	case Kind::version_unknown:
		dmsnap_port_log(DMSNAP_LOG_WARNING, "unable to handle snapshot disk version %d",
				static_cast<int>(header.version));
		return fail(Error::version_unknown);
	}
	return fail(Error::magic_unknown);
}

} // namespace

Result<PersistentStore::Content> PersistentStore::open(dmsnap_device *cow,
						       const format::BlockSizes &blocks,
						       uint32_t chunk_sectors, Worker &worker,
						       LoadVisitor &visitor)
{
	auto header = DMSNAP_TRY(read_header(cow, blocks.cow_sectors));
	Content content;
	content.chunk_size = DMSNAP_TRY(decide_chunk_size(header, chunk_sectors, blocks));
	DMSNAP_CHECK(visitor.chunk_size_known(content.chunk_size));

	bool blank = header.kind == format::DecodedHeader::Kind::blank;
	content.valid = blank || header.header.valid;
	if (!content.valid)
		return content;

	format::Geometry geometry(content.chunk_size);
	auto free_chunks = DMSNAP_TRY(FreeChunks::create(geometry));
	content.store = DMSNAP_TRY(make_owned<PersistentStore>(CreateKey<PersistentStore>(), cow,
							       geometry, visitor.new_limit(),
							       worker, std::move(free_chunks)));
	DMSNAP_CHECK(content.store->allocate());
	DMSNAP_CHECK(blank ? content.store->make_new() : content.store->load(visitor));
	return content;
}

/*
 * The header is what makes it a store, so it is written last, after a flush of the rest.  After a
 * crash before that the device still begins with zeros, and the store is created again.  The
 * device has just been read, so it responds.  A process that is killed meanwhile waits all the
 * same, as a write is never abandoned (LoadRead).
 */
Status PersistentStore::make_new()
{
	if (!area_exists(0)) {
		dmsnap_port_log(DMSNAP_LOG_ERROR, "%s: %llu sectors, chunks of %u sectors",
				to_text(Error::device_too_small),
				static_cast<unsigned long long>(dmsnap_port_device_sectors(cow_)),
				geometry_.chunk_size().sectors());
		return fail(Error::device_too_small);
	}
	uint32_t block_sectors = block_bytes_ / sector_bytes;
	uint64_t metadata_end = area_sector(0) + geometry_.chunk_size().sectors();
	int error = sync_io(cow_, DMSNAP_IO_ZERO, DMSNAP_IO_META, block_sectors,
			    metadata_end - block_sectors, nullptr);
	if (!error) {
		format::encode({.valid = true, .chunk_sectors = geometry_.chunk_size().sectors()},
			       bytes_of(header_page_, block_bytes_));
		error = sync_io(cow_, DMSNAP_IO_WRITE, durable_metadata, 0, block_sectors,
				&header_page_);
	}
	if (error)
		dmsnap_port_log(DMSNAP_LOG_ERROR, "no new snapshot store: %s (error %d)",
				to_text(Error::write_failed), error);
	return status_of_write(error);
}

Status PersistentStore::load(LoadVisitor &visitor)
{
	const uint64_t chunks = device_chunks();
	const NewChunk device_end{chunks};
	auto reader = DMSNAP_TRY(AreaReader::create(cow_, geometry_, geometry_.areas_in(chunks)));
	bool ended = false;
	bool area_ended = false;

	/* Read to the end of the area that the list ends in: dead entries may follow. */
	while (!(ended && area_ended)) {
		if (!reader.more()) {
			dmsnap_port_log(DMSNAP_LOG_ERROR, "snapshot store refused: %s",
					to_text(Error::store_unterminated));
			return fail(Error::store_unterminated);
		}
		auto piece = DMSNAP_TRY(reader.next());
		uint32_t slot = piece.first_slot;
		uint32_t bytes_left = piece.bytes;
		for (void *page : piece.pages) {
			uint32_t bytes = smaller(bytes_left, DMSNAP_PAGE_SIZE);
			format::AreaView entries(bytes_of(page, bytes));
			DMSNAP_CHECK(
				take_page(entries, piece.area, slot, device_end, ended, visitor));
			bytes_left -= bytes;
			slot += static_cast<uint32_t>(entries.slots());
		}
		area_ended = piece.ends_area;
	}
	entries_prepared_ = area_.load_relaxed() * geometry_.exceptions_per_area() + slot_;
	return load_tail_block();
}

Status PersistentStore::take_page(const format::AreaView &entries, uint64_t area,
				  uint32_t first_slot, NewChunk device_end, bool &ended,
				  LoadVisitor &visitor)
{
	size_t slots = entries.slots();
	size_t dead_from = 0;

	if (!ended) {
		size_t end;
		auto status = use_chunks(entries, device_end, end);
		size_t bad = end;
		if (status)
			status = visitor.exceptions(entries, end, bad);
		if (!status) {
			format::Exception exception = entries.read(bad);
			dmsnap_port_log(
				DMSNAP_LOG_ERROR,
				"snapshot store refused: %s (area %llu, entry %u: origin chunk %llu in COW chunk %llu)",
				to_text(status.error()), static_cast<unsigned long long>(area),
				static_cast<unsigned int>(first_slot + bad),
				static_cast<unsigned long long>(exception.old_chunk.value),
				static_cast<unsigned long long>(exception.new_chunk.value));
			return status;
		}
		if (end == slots)
			return {};
		ended = true;
		area_.store_relaxed(area);
		slot_ = first_slot + static_cast<uint32_t>(end);
		dead_from = end;
	}
	if (entries.holds_data(dead_from)) {
		bool in_block = first_slot / slots_per_block_ == slot_ / slots_per_block_;
		if (in_block)
			stale_in_block_ = true;
		else
			stale_end_ = first_slot + static_cast<uint32_t>(slots);
	}
	return {};
}

/*
 * Marks chunks as in use up to @end: the end of the list or of the page, or the first bad
 * exception.
 */
Status PersistentStore::use_chunks(format::AreaView entries, NewChunk device_end, size_t &end)
{
	FreeChunks &free_chunks = *free_chunks_;
	const size_t slots = entries.slots();
	Status status;
	size_t slot = 0;

	for (; slot < slots; slot++) {
		const format::Exception exception = entries.read(slot);
		if (exception.ends_list())
			break;
		status = exception.new_chunk < device_end ? free_chunks.use(exception.new_chunk)
							  : fail(Error::new_chunk_out_of_range);
		if (!status)
			break;
	}
	end = slot;
	return status;
}

/* The next commit writes the entries of the last block again. */
Status PersistentStore::load_tail_block()
{
	uint32_t in_block = slot_ % slots_per_block_;
	if (in_block == 0)
		return {};

	uint32_t block_sectors = block_bytes_ / sector_bytes;
	uint64_t sector = area_sector(area_.load_relaxed()) +
			  uint64_t{slot_ / slots_per_block_} * block_sectors;
	LoadRead read;
	DMSNAP_CHECK(read.allocate(1));
	read.start(cow_, sector, block_sectors);
	int error = DMSNAP_TRY(read.wait());
	if (error)
		return fail(read_failure("exceptions", sector, error));
	__builtin_memcpy(buffer_[0], read.pages()[0], block_bytes_);
	format::MutableAreaView(bytes_of(buffer_[0], block_bytes_)).wipe(in_block);
	return {};
}

} // namespace dmsnap
