// SPDX-License-Identifier: GPL-2.0-only
#include "store/persistent_store.hpp"

#include <dmsnap/port/log.h>

#include "format/disk_header.hpp"
#include "store/load_read.hpp"
#include "store/sync_io.hpp"

namespace dmsnap {

namespace {

/* The unit of writes to the list; no logical block is larger. */
constexpr uint32_t block_bytes_max = PersistentStore::block_sectors_max * sector_bytes;

constexpr unsigned int durable_metadata = DMSNAP_IO_PREFLUSH | DMSNAP_IO_FUA | DMSNAP_IO_SYNC |
					  DMSNAP_IO_META;

uint32_t smaller(uint64_t a, uint64_t b)
{
	return static_cast<uint32_t>(a < b ? a : b);
}

std::span<std::byte> bytes_of(void *page, size_t bytes)
{
	return {static_cast<std::byte *>(page), bytes};
}

void clear(void *page)
{
	__builtin_memset(page, 0, DMSNAP_PAGE_SIZE);
}

Status status_of_write(int error)
{
	if (error)
		return fail(Error::write_failed);
	return {};
}

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
	content.store = DMSNAP_TRY(make_owned<PersistentStore>(cow, geometry, visitor.new_limit(),
							       worker, std::move(free_chunks)));
	DMSNAP_CHECK(content.store->allocate());
	DMSNAP_CHECK(blank ? content.store->make_new() : content.store->load(visitor));
	return content;
}

PersistentStore::PersistentStore(dmsnap_device *cow, const format::Geometry &geometry,
				 NewChunk limit, Worker &worker, Owned<FreeChunks> free_chunks)
    : cow_(cow), geometry_(geometry), worker_(&worker), limit_(geometry.chunk_size(), limit),
      free_chunks_(std::move(free_chunks)),
      block_bytes_(smaller(geometry.chunk_size().bytes(), block_bytes_max)),
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
	return geometry_.chunk_size().first_sector(geometry_.area_chunk(area).value);
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
	const NewChunk device_end{device_chunks()};
	auto reader = DMSNAP_TRY(
		AreaReader::create(cow_, geometry_, geometry_.areas_in(device_end.value)));
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
		taken = free_chunks_->take(wanted < slots ? wanted : slots, {device_chunks()});
	if (taken.count == 0)
		return fail(cut_off() ? Error::cow_device_cut_off : Error::cow_device_full);
	entries_prepared_ += taken.count;
	merged_end_ = {};
	return taken;
}

StoreUsage PersistentStore::usage() const
{
	ChunkSize chunk_size = geometry_.chunk_size();
	NewChunk end = merged_end_.value ? merged_end_ : free_chunks_->next_free();
	return {.allocated_sectors = chunk_size.first_sector(end.value),
		.total_sectors = limit_.sectors(cow_),
		/* The header, and the areas up to that of the next entry, recorded or not. */
		.metadata_sectors = chunk_size.first_sector(
			geometry_.area_of_exception(entries_prepared_) + 2)};
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
	return free < entries ? free : entries;
}

/* The chunk before next_free() may be a metadata chunk that does not exist yet. */
bool PersistentStore::cut_off() const
{
	NewChunk last = free_chunks_->next_free() - 1;
	if (geometry_.is_metadata(last) && last > geometry_.area_chunk(0))
		last = last - 1;
	return device_chunks() <= last.value;
}

void PersistentStore::commit(CommitBatch &batch)
{
	DMSNAP_ASSERT(!batch_);
	batch_ = &batch;
	entry_ = batch.entries.front();
	in_entry_ = 0;
	step();
}

void PersistentStore::step()
{
	if (!entry_) {
		end_batch({});
		return;
	}
	if (any_stale()) {
		wipe_stale();
		return;
	}
	uint32_t slots = fill(room());
	if (slots == 0) {
		waits_for_zeros_ = true;
		zero_ahead();
		return;
	}
	write_blocks(slots);
}

uint32_t PersistentStore::room() const
{
	uint32_t slots = geometry_.exceptions_per_area() - slot_;
	if (next_area_ != Zeroed::yes)
		slots--;
	return smaller(slots, buffer_pages * slots_per_block_ - slot_ % slots_per_block_);
}

/* Puts the next entries of the batch into the buffer, and returns their number. */
uint32_t PersistentStore::fill(uint32_t room)
{
	uint32_t first_block = slot_ / slots_per_block_;
	uint32_t filled = 0;

	while (entry_ && filled < room) {
		uint32_t slot = slot_ + filled;
		uint32_t in_block = slot % slots_per_block_;
		void *page = buffer_[slot / slots_per_block_ - first_block];
		if (in_block == 0)
			clear(page);

		const Run &run = entry_->run;
		format::MutableAreaView(bytes_of(page, block_bytes_))
			.write(in_block, {run.old_begin + in_entry_, run.new_begin + in_entry_});
		filled++;
		if (++in_entry_ == run.count) {
			entry_ = batch_->entries.next(*entry_);
			in_entry_ = 0;
		}
	}
	return filled;
}

void PersistentStore::write_blocks(uint32_t slots)
{
	uint32_t block_sectors = block_bytes_ / sector_bytes;
	uint32_t first = slot_ / slots_per_block_;
	uint32_t last = (slot_ + slots - 1) / slots_per_block_;

	slots_in_flight_ = slots;
	dmsnap_port_io_submit(
		cow_, DMSNAP_IO_WRITE, durable_metadata,
		area_sector(area_.load_relaxed()) + uint64_t{first} * block_sectors,
		uint64_t{last - first + 1} * block_sectors, buffer_, 0,
		[](void *ctx, int error) {
			auto *store = static_cast<PersistentStore *>(ctx);
			store->write_error_ = error;
			store->worker_->post(store->write_task_);
		},
		this);
}

void PersistentStore::write_ended()
{
	if (write_error_) {
		end_batch(fail(Error::write_failed));
		return;
	}
	advance(slots_in_flight_);
	step();
}

/* The list has grown: keeps the block that the next commit writes again. */
void PersistentStore::advance(uint32_t slots)
{
	uint32_t first_block = slot_ / slots_per_block_;

	slot_ += slots;
	uint32_t block = slot_ / slots_per_block_;
	if (slot_ % slots_per_block_ != 0)
		std::swap(buffer_[0], buffer_[block - first_block]);

	if (slot_ == geometry_.exceptions_per_area()) {
		area_.store_relaxed(area_.load_relaxed() + 1);
		slot_ = 0;
		next_area_ = Zeroed::no;
	}
	if (slot_ >= geometry_.exceptions_per_area() / 2)
		zero_ahead();
}

void PersistentStore::zero_ahead()
{
	uint64_t next = area_.load_relaxed() + 1;
	if (next_area_ != Zeroed::no)
		return;
	if (!area_exists(next)) {
		/* It existed in prepare(), so the device has shrunk since. */
		if (waits_for_zeros_) {
			waits_for_zeros_ = false;
			end_batch(fail(Error::cow_device_full));
		}
		return;
	}
	next_area_ = Zeroed::in_flight;
	zeroed_area_ = next;
	dmsnap_port_io_submit(
		cow_, DMSNAP_IO_ZERO, DMSNAP_IO_META, area_sector(next),
		geometry_.chunk_size().sectors(), nullptr, 0,
		[](void *ctx, int error) {
			auto *store = static_cast<PersistentStore *>(ctx);
			store->zero_error_ = error;
			store->worker_->post(store->zero_task_);
		},
		this);
}

/* If zeroing ahead failed, it is tried again when the area is needed. */
void PersistentStore::zero_ended()
{
	/* A merge may have moved the end of the list back to an earlier area. */
	bool is_next = zeroed_area_ == area_.load_relaxed() + 1;
	next_area_ = zero_error_ || !is_next ? Zeroed::no : Zeroed::yes;
	if (waits_for_zeros_) {
		waits_for_zeros_ = false;
		if (zero_error_)
			end_batch(fail(Error::write_failed));
		else
			step();
	}
	/* Last: the store may be destroyed at once. */
	if (std::exchange(question_.waits, false))
		question_.quiet.set();
}

/* Entries before the end of the list are written again unchanged. */
void PersistentStore::wipe_stale()
{
	uint32_t block_sectors = block_bytes_ / sector_bytes;
	uint32_t block = slot_ / slots_per_block_;
	uint64_t sector = area_sector(area_.load_relaxed()) + uint64_t{block} * block_sectors;
	auto ended = [](void *ctx, int error) {
		auto *store = static_cast<PersistentStore *>(ctx);
		store->wipe_error_ = error;
		store->worker_->post(store->wipe_task_);
	};

	if (stale_in_block_) {
		dmsnap_port_io_submit(cow_, DMSNAP_IO_WRITE, DMSNAP_IO_META, sector, block_sectors,
				      buffer_, 0, ended, this);
		return;
	}
	uint32_t end_block = (stale_end_ + slots_per_block_ - 1) / slots_per_block_;
	dmsnap_port_io_submit(cow_, DMSNAP_IO_ZERO, DMSNAP_IO_META, sector + block_sectors,
			      uint64_t{end_block - block - 1} * block_sectors, nullptr, 0, ended,
			      this);
}

void PersistentStore::wipe_ended()
{
	if (wipe_error_) {
		end_batch(fail(Error::write_failed));
		return;
	}
	if (stale_in_block_)
		stale_in_block_ = false;
	else
		stale_end_ = 0;
	step();
}

void PersistentStore::end_batch(Status status)
{
	CommitBatch *batch = batch_;

	batch_ = nullptr;
	entry_ = nullptr;
	batch->status = status;
	batch->done(*batch);
}

void PersistentStore::mark_invalid(InvalidMark &mark)
{
	mark_ = &mark;
	format::encode({.valid = false, .chunk_sectors = geometry_.chunk_size().sectors()},
		       bytes_of(header_page_, block_bytes_));
	dmsnap_port_io_submit(
		cow_, DMSNAP_IO_WRITE, durable_metadata, 0, block_bytes_ / sector_bytes,
		&header_page_, 0,
		[](void *ctx, int error) {
			auto *store = static_cast<PersistentStore *>(ctx);
			store->mark_error_ = error;
			store->worker_->post(store->mark_task_);
		},
		this);
}

void PersistentStore::mark_ended()
{
	InvalidMark *mark = mark_;

	mark_ = nullptr;
	mark->status = status_of_write(mark_error_);
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
