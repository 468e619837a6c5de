// SPDX-License-Identifier: GPL-2.0-only
/*
 * PersistentStore: records exceptions on the COW device, in the format SnAp 1
 * (Documentation/on-disk-format.rst).  It does not copy data, and knows nothing of bios.
 *
 * Only the block in which the list ends is kept in memory, not its area.  A commit writes the
 * blocks that it changes:
 *
 *   step                                          if we crash after it
 *   1. data is on the COW device (caller)         chunks are free, found at load
 *   2. zeros are written to the next area         the list ends where it ended
 *      (only if this commit fills the area)
 *   3. blocks with the new entries: PREFLUSH,     PREFLUSH made 1 and 2 durable,
 *      then the write, with FUA                   so every entry that reached the
 *                                                 disk has its data, and the list
 *                                                 has an end
 *   4. the caller is told                         the entries are there
 *
 * The write of step 3 may be torn: some of its blocks or sectors may be missing.  Then the list
 * ends at the first hole, and entries after it are dead.  Loading detects them, and the next
 * commit first writes zeros over them; its PREFLUSH makes that durable before the list grows.
 * Writing those zeros together with the new entries would not be enough: only some sectors of
 * that write may reach the disk, and the list would go on into the dead entries.
 *
 * Zeroing ahead: the next area is zeroed when the current one is half full, so that step 2 need
 * not wait.  Its old contents do not matter; after a merge there may be old entries.
 *
 * Locking: the origin's lock guards the free chunks and the number of entries prepared; everything
 * else belongs to the worker.
 */
#pragma once

#include <dmsnap/port/device.h>
#include <dmsnap/port/memory.h>

#include "base/atomic.hpp"
#include "base/continuation.hpp"
#include "base/own.hpp"
#include "base/worker.hpp"
#include "format/chunk_size.hpp"
#include "format/disk_exception.hpp"
#include "format/geometry.hpp"
#include "store/area_reader.hpp"
#include "store/cow_limit.hpp"
#include "store/exception_store.hpp"
#include "store/free_chunks.hpp"
#include "store/metadata_block.hpp"

namespace dmsnap {

class ListTail;

class PersistentStore final : public ExceptionStore {
public:
	/*
	 * The largest logical block of a COW device: the header and the list are written in
	 * blocks of at most 4 KiB.
	 */
	static constexpr uint32_t block_sectors_max = metadata_bytes_max / sector_bytes;

	/* What a COW device holds. */
	struct Content {
		ChunkSize chunk_size;
		/* false: the snapshot lost data, and there is no store object. */
		bool valid = true;
		Owned<PersistentStore> store;
	};

	/*
	 * Receives the exceptions of a store while it is loaded, @count from @entries at a time.
	 * The visitor must check the old chunks.  The new chunks were checked: they are in range,
	 * and none comes twice.  Any error refuses the store; @slot is then the bad entry.
	 */
	struct LoadVisitor {
		virtual Status chunk_size_known(ChunkSize chunk_size) = 0;
		/*
		 * No chunk from this one on is allocated or accepted.  Called once the chunk size
		 * is known.
		 */
		virtual NewChunk new_limit() const { return {UINT64_MAX}; }
		virtual Status exceptions(format::AreaView entries, size_t count, size_t &slot) = 0;

	protected:
		~LoadVisitor() = default;
	};

	/*
	 * Reads the store on @cow, or creates one if the device begins with zeros.
	 * @blocks: the COW device's is at most block_sectors_max.
	 * @chunk_sectors: the size in the table line, checked; 0 if there is none.
	 * @worker: runs the store's tasks.
	 *
	 * A header with another chunk size overrides @chunk_sectors, with a warning.  If a store
	 * is refused, the reason is logged.
	 * Errors: magic_unknown, version_unknown, chunk_size_*, read_failed, write_failed,
	 * new_chunk_*, store_unterminated, device_too_small, no_memory, interrupted, the
	 * visitor's.
	 * Context: process, sleeps.
	 */
	static Result<Content> open(dmsnap_device *cow, const format::BlockSizes &blocks,
				    uint32_t chunk_sectors, Worker &worker, LoadVisitor &visitor);

	PersistentStore(CreateKey<PersistentStore>, dmsnap_device *cow,
			const format::Geometry &geometry, NewChunk limit, Worker &worker,
			Owned<FreeChunks> free_chunks);
	/* No commit may be in flight. */
	~PersistentStore();

	Result<NewChunks> prepare(uint64_t wanted) override DMSNAP_MUST_HOLD(origin_lock);
	void commit(CommitBatch &batch) override;
	void mark_invalid(InvalidMark &mark) override;
	StoreUsage usage() const override DMSNAP_MUST_HOLD(origin_lock);
	uint64_t free_chunks() const override DMSNAP_MUST_HOLD(origin_lock);
	bool cut_off() const override DMSNAP_MUST_HOLD(origin_lock);
	void set_device(dmsnap_device *cow, Worker &worker) override
	{
		cow_ = cow;
		worker_ = &worker;
	}

	void quiesce() override;
	int quiesce_killable(const char *what) override;

	/*
	 * For the merge: one request at a time, and no commit during it.  All complete through
	 * the tail, and keep its contents.  See persistent_merge.cpp.
	 * Context: worker.
	 */

	/* The number of exceptions in the list.  Worker, or while no commit is in flight. */
	uint64_t exceptions() const;
	/* Reads the last exceptions: see ListTail::limit().  The list must not be empty. */
	void read_tail(ListTail &tail);
	/* Removes durably from the list what read_tail() read. */
	void cut_tail(ListTail &tail);
	/* Durably undoes a failed cut_tail(). */
	void put_back_tail(ListTail &tail);
	/* cut_tail() has succeeded, and no request is in flight. */
	void tail_is_cut(ListTail &tail) DMSNAP_MUST_HOLD(origin_lock);

private:
	/* The most of the list that is written at once: 2048 entries. */
	static constexpr unsigned int buffer_pages = 8;

	enum class Zeroed : uint8_t { no, in_flight, yes };

	Status allocate();
	Status make_new();
	/* SAFETY: nothing else uses the store yet. */
	Status load(LoadVisitor &visitor) DMSNAP_UNCHECKED;
	Status take_page(const format::AreaView &entries, uint64_t area, uint32_t first_slot,
			 NewChunk device_end, bool &ended, LoadVisitor &visitor);
	/* SAFETY: as load(). */
	Status use_chunks(format::AreaView entries, NewChunk device_end,
			  size_t &end) DMSNAP_UNCHECKED;
	Status load_tail_block();

	uint64_t device_chunks() const;
	bool area_exists(uint64_t area) const;
	/* How many slots a commit may fill in one write. */
	uint32_t room() const;

	void step();
	uint32_t fill(uint32_t room);
	void write_blocks(uint32_t slots);
	bool any_stale() const { return stale_in_block_ || stale_end_ > 0; }
	void wipe_stale();
	void zero_ahead();
	void advance(uint32_t slots);
	void end_batch(Status status);
	uint64_t area_sector(uint64_t area) const;
	uint64_t block_sector(uint64_t exception) const;
	uint32_t tail_blocks_in_first_area(const ListTail &tail) const;
	void write_tail(ListTail &tail, void *const *pages);

	void tail_ended();
	void write_ended(int error);
	void wipe_ended(int error);
	void zero_ended(int error);
	void mark_ended(int error);

	dmsnap_device *cow_;
	format::Geometry geometry_;
	Worker *worker_;

	CowLimit limit_;
	Owned<FreeChunks> free_chunks_ DMSNAP_GUARDED_BY(origin_lock);
	uint64_t entries_prepared_ DMSNAP_GUARDED_BY(origin_lock) = 0;
	/*
	 * The end of the chunks in use after a merge, as usage() reports it; 0: nothing was
	 * merged.
	 */
	NewChunk merged_end_ DMSNAP_GUARDED_BY(origin_lock);

	/* The size of a block of the list, which divides the chunk size. */
	uint32_t block_bytes_;
	uint32_t slots_per_block_;
	void *buffer_[buffer_pages] = {};
	void *header_page_ = nullptr;

	/* The list ends at this slot. */
	Atomic<uint64_t> area_; /* the worker writes, usage() reads */
	uint32_t slot_ = 0;
	/* Are there dead entries in the block in which the list ends? */
	bool stale_in_block_ = false;
	/* Dead entries after that block end at this slot of the area; 0: there are none. */
	uint32_t stale_end_ = 0;
	Zeroed next_area_ = Zeroed::no;
	/* The area that was last zeroed, or is being zeroed. */
	uint64_t zeroed_area_ = 0;
	bool waits_for_zeros_ = false;

	/* The commit in flight, and the position in its batch. */
	CommitBatch *batch_ = nullptr;
	CommitEntry *entry_ = nullptr;
	uint64_t in_entry_ = 0;
	uint32_t slots_in_flight_ = 0;

	/* The request of a merge in flight. */
	ListTail *tail_ = nullptr;
	InvalidMark *mark_ = nullptr;
	/* For quiesce().  A killed wait leaves the task posted, so the object outlives the call. */
	struct Question : Task {
		explicit Question(PersistentStore &of)
		    : Task([](Task &task) {
			      auto &question = static_cast<Question &>(task);
			      if (question.store.next_area_ == Zeroed::in_flight)
				      question.waits = true;
			      else
				      question.quiet.set();
		      }),
		      store(of)
		{
		}

		PersistentStore &store;
		Event quiet;
		/* For zero_ended().  Worker. */
		bool waits = false;
		/* It was posted, and no wait has seen its answer yet. */
		bool asked = false;
	} question_{*this};
	void ask_for_quiet();

	Continuation<PersistentStore, &PersistentStore::write_ended> write_task_{*this};
	Continuation<PersistentStore, &PersistentStore::wipe_ended> wipe_task_{*this};
	Continuation<PersistentStore, &PersistentStore::zero_ended> zero_task_{*this};
	Continuation<PersistentStore, &PersistentStore::mark_ended> mark_task_{*this};
	MethodTask<PersistentStore, &PersistentStore::tail_ended> tail_task_{*this};
};

} // namespace dmsnap
