// SPDX-License-Identifier: GPL-2.0-only
/*
 * PersistentStore: how the list grows.  The steps of a commit, and the crash argument, are at the
 * head of persistent_store.hpp.
 */
#include <utility>

#include "base/min_max.hpp"
#include "store/metadata_block.hpp"
#include "store/persistent_store.hpp"

namespace dmsnap {

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
	dmsnap_port_io_submit(cow_, DMSNAP_IO_WRITE, durable_metadata,
			      area_sector(area_.load_relaxed()) + uint64_t{first} * block_sectors,
			      uint64_t{last - first + 1} * block_sectors, buffer_, 0,
			      write_task_.ended, write_task_.on(*worker_));
}

void PersistentStore::write_ended(int error)
{
	if (error) {
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
	dmsnap_port_io_submit(cow_, DMSNAP_IO_ZERO, DMSNAP_IO_META, area_sector(next),
			      geometry_.chunk_size().sectors(), nullptr, 0, zero_task_.ended,
			      zero_task_.on(*worker_));
}

/* If zeroing ahead failed, it is tried again when the area is needed. */
void PersistentStore::zero_ended(int error)
{
	/* A merge may have moved the end of the list back to an earlier area. */
	bool is_next = zeroed_area_ == area_.load_relaxed() + 1;
	next_area_ = error || !is_next ? Zeroed::no : Zeroed::yes;
	if (waits_for_zeros_) {
		waits_for_zeros_ = false;
		if (error)
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
	void *ctx = wipe_task_.on(*worker_);

	if (stale_in_block_) {
		dmsnap_port_io_submit(cow_, DMSNAP_IO_WRITE, DMSNAP_IO_META, sector, block_sectors,
				      buffer_, 0, wipe_task_.ended, ctx);
		return;
	}
	uint32_t end_block = (stale_end_ + slots_per_block_ - 1) / slots_per_block_;
	dmsnap_port_io_submit(cow_, DMSNAP_IO_ZERO, DMSNAP_IO_META, sector + block_sectors,
			      uint64_t{end_block - block - 1} * block_sectors, nullptr, 0,
			      wipe_task_.ended, ctx);
}

void PersistentStore::wipe_ended(int error)
{
	if (error) {
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

} // namespace dmsnap
