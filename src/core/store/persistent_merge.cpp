// SPDX-License-Identifier: GPL-2.0-only
/*
 * PersistentStore: how a merge removes exceptions from the end of the list.
 *
 *   step                                          if we crash after it
 *   1. read_tail(): the last exceptions           nothing has changed
 *   2. their data is on the origin, durably       the same: they are merged again,
 *      (caller)                                   with the same data
 *   3. cut_tail(): zeros from the first of them   the list ends before them, or at
 *      to the end of its area, with FUA           any one of them
 *   4. the caller lets writes of their chunks     the list ends before them
 *      go to the origin
 *
 * One write is enough however many areas the exceptions are in: the list ends at the first zero.
 * Entries in later areas are dead, and every area is zeroed before the list grows into it.  The
 * write may be torn.  Then the exceptions before the first zero remain, and their chunks have the
 * same data on both devices; those after it are merged.  No flush is needed before the write:
 * nothing on the COW device has to be durable first.
 *
 * A failed write of step 3 may have reached the disk or not.  Until a cut or put_back_tail()
 * succeeds, these chunks must not be written: either the origin or the COW device may be what a
 * load would show.
 */
#include "base/min_max.hpp"
#include "format/disk_exception.hpp"
#include "store/list_tail.hpp"
#include "store/persistent_store.hpp"

namespace dmsnap {

namespace {

constexpr unsigned int durable_entries = DMSNAP_IO_FUA | DMSNAP_IO_SYNC | DMSNAP_IO_META;

} // namespace

ListTail::~ListTail()
{
	for (void *page : blocks_) {
		if (page)
			dmsnap_port_page_free(page);
	}
	if (first_block_)
		dmsnap_port_page_free(first_block_);
	if (zeros_)
		dmsnap_port_page_free(zeros_);
}

Status ListTail::allocate()
{
	auto get = [](void *&page) {
		page = dmsnap_port_page_alloc(DMSNAP_ALLOC_CONSTRUCT);
		return page != nullptr;
	};
	for (void *&page : blocks_) {
		if (!get(page))
			return fail(Error::no_memory);
	}
	if (!get(first_block_) || !get(zeros_))
		return fail(Error::no_memory);
	__builtin_memset(zeros_, 0, DMSNAP_PAGE_SIZE);
	return {};
}

format::Exception ListTail::at(uint32_t i) const
{
	uint64_t slot = first_ % slots_per_block_ + i;
	auto *bytes = static_cast<const std::byte *>(blocks_[slot / slots_per_block_]);
	format::AreaView block({bytes, slots_per_block_ * format::exception_bytes});
	return block.read(slot % slots_per_block_);
}

uint64_t PersistentStore::exceptions() const
{
	return area_.load_relaxed() * geometry_.exceptions_per_area() + slot_;
}

/* The sector on the COW device of the block that holds an exception. */
uint64_t PersistentStore::block_sector(uint64_t exception) const
{
	uint32_t block = geometry_.slot_of_exception(exception) / slots_per_block_;
	return area_sector(geometry_.area_of_exception(exception)) +
	       uint64_t{block} * (block_bytes_ / sector_bytes);
}

void PersistentStore::read_tail(ListTail &tail)
{
	const uint32_t max = tail.max_;
	uint64_t end = exceptions();
	uint64_t last_block = (end - 1) / slots_per_block_;
	uint64_t first_block =
		last_block < ListTail::blocks_max ? 0 : last_block + 1 - ListTail::blocks_max;
	uint64_t first = end > max ? end - max : 0;

	DMSNAP_ASSERT(end > 0 && max > 0 && !batch_);
	if (first < first_block * slots_per_block_)
		first = first_block * slots_per_block_;
	first_block = first / slots_per_block_;
	tail_ = &tail;
	tail.first_ = first;
	tail.count_ = static_cast<uint32_t>(end - first);
	tail.slots_per_block_ = slots_per_block_;
	tail.error_.store_relaxed(0);
	tail.failure_ = Error::read_failed;
	tail.reads_.store_relaxed(static_cast<uint32_t>(last_block - first_block + 1));
	for (uint64_t block = first_block; block <= last_block; block++) {
		dmsnap_port_io_submit(
			cow_, DMSNAP_IO_READ, DMSNAP_IO_META,
			block_sector(block * slots_per_block_), block_bytes_ / sector_bytes,
			&tail.blocks_[block - first_block], 0,
			[](void *ctx, int error) {
				auto *store = static_cast<PersistentStore *>(ctx);
				ListTail &read = *store->tail_;
				if (error)
					read.error_.store_relaxed(error);
				if (read.reads_.sub(1) == 0)
					store->worker_->post(store->tail_task_);
			},
			this);
	}
}

/* How many blocks of the first exception's area hold exceptions of the tail. */
uint32_t PersistentStore::tail_blocks_in_first_area(const ListTail &tail) const
{
	uint64_t area_end =
		(geometry_.area_of_exception(tail.first_) + 1) * geometry_.exceptions_per_area();
	uint64_t end = tail.first_ + tail.count_;
	end = smaller(end, area_end);
	return static_cast<uint32_t>((end - 1) / slots_per_block_ - tail.first_ / slots_per_block_ +
				     1);
}

void PersistentStore::write_tail(ListTail &tail, void *const *pages)
{
	tail_ = &tail;
	tail.failure_ = Error::write_failed;
	dmsnap_port_io_submit(
		cow_, DMSNAP_IO_WRITE, durable_entries, block_sector(tail.first_),
		uint64_t{tail_blocks_in_first_area(tail)} * (block_bytes_ / sector_bytes), pages, 0,
		[](void *ctx, int error) {
			auto *store = static_cast<PersistentStore *>(ctx);
			store->tail_->error_.store_relaxed(error);
			store->worker_->post(store->tail_task_);
		},
		this);
}

void PersistentStore::cut_tail(ListTail &tail)
{
	auto *bytes = static_cast<std::byte *>(tail.first_block_);
	void *pages[ListTail::blocks_max];

	__builtin_memcpy(bytes, tail.blocks_[0], block_bytes_);
	format::MutableAreaView({bytes, block_bytes_}).wipe(tail.first_ % slots_per_block_);
	pages[0] = tail.first_block_;
	for (unsigned int i = 1; i < ListTail::blocks_max; i++)
		pages[i] = tail.zeros_;
	write_tail(tail, pages);
}

void PersistentStore::put_back_tail(ListTail &tail)
{
	write_tail(tail, tail.blocks_);
}

void PersistentStore::tail_ended()
{
	ListTail &tail = *tail_;

	tail_ = nullptr;
	tail.status = {};
	if (tail.error_.load_relaxed())
		tail.status = fail(tail.failure_);
	tail.done_(tail);
}

/*
 * Dead entries after the old end of the list are still there, unless they were cut as well.  The
 * block in which the list ends now was written whole.
 */
void PersistentStore::tail_is_cut(ListTail &tail)
{
	uint64_t area = geometry_.area_of_exception(tail.first_);
	uint32_t slots = geometry_.exceptions_per_area();
	bool any_dead = stale_in_block_ || stale_end_ > 0;

	if (area != area_.load_relaxed()) {
		any_dead = false;
		if (next_area_ == Zeroed::yes)
			next_area_ = Zeroed::no;
	}
	area_.store_relaxed(area);
	slot_ = geometry_.slot_of_exception(tail.first_);
	bool in_last_block = slot_ / slots_per_block_ == (slots - 1) / slots_per_block_;
	stale_in_block_ = false;
	stale_end_ = any_dead && !in_last_block ? slots : 0;
	std::swap(buffer_[0], tail.first_block_);
	entries_prepared_ = tail.first_;
	/*
	 * As the in-tree driver counts it: every chunk up to that of the last remaining
	 * exception.
	 */
	merged_end_ = geometry_.area_chunk(area) + slot_ + 1;
}

} // namespace dmsnap
