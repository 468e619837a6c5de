// SPDX-License-Identifier: GPL-2.0-only
/*
 * PersistentStore: records exceptions on the COW device, in the format SnAp 1
 * (Documentation/on-disk-format.rst).  Does not copy data and knows no bio.
 *
 * Of an area only the block in which the list ends is in memory.  A commit
 * writes the blocks that it changes, not the area:
 *
 *   step                                          if we crash after it
 *   1. data is on the COW device (caller)         chunks are free, found at load
 *   2. the next area is zeros, written            the list ends where it ended
 *      (only if this commit fills the area)
 *   3. blocks with the new entries: PREFLUSH,     PREFLUSH made 1 and 2 durable,
 *      then the write, with FUA                   so every entry that got to the
 *                                                 disk has its data, and the list
 *                                                 has an end
 *   4. the caller is told                         the entries are there
 *
 * The write of 3 may be torn: blocks, even sectors of it may be missing.  Then
 * the list ends at the first hole and entries behind it are dead.  They are
 * looked for at load and wiped on disk, by writes in front of the next commit,
 * whose PREFLUSH makes that durable before the list grows.  Writing zeros over
 * them together with the new entries is not enough: of that write too only some
 * sectors may get to the disk, and the list would go on into the dead ones.
 *
 * Zeros ahead: the area behind the current one is zeroed when the current one is
 * half full, so that step 2 does not wait.  What is there before (after a merge
 * there may be old entries) does not matter.
 *
 * Locking: as ExceptionStore says.  next_free and the number of entries prepared
 * are under the allocation lock, everything else belongs to the worker.
 */
#pragma once

#include <dmsnap/port/device.h>
#include <dmsnap/port/memory.h>

#include "base/atomic.hpp"
#include "base/own.hpp"
#include "base/worker.hpp"
#include "format/chunk_size.hpp"
#include "format/disk_exception.hpp"
#include "format/geometry.hpp"
#include "store/area_reader.hpp"
#include "store/cow_limit.hpp"
#include "store/exception_store.hpp"
#include "store/free_chunks.hpp"

namespace dmsnap {

class ListTail;

class PersistentStore final : public ExceptionStore {
public:
	/*
	 * Longest logical block of a COW device.  What is written of a store, header and
	 * list, is written in blocks of a page at most.
	 */
	static constexpr uint32_t block_sectors_max = DMSNAP_PAGE_SIZE / sector_bytes;

	/* What a COW device holds. */
	struct Content {
		ChunkSize chunk_size;
		/* false: the snapshot lost data; there is no store to work with. */
		bool valid = true;
		Owned<PersistentStore> store;
	};

	/*
	 * Takes the exceptions of a store that is loaded, @count from @entries at a
	 * time.  Old chunks are checked by the visitor, new ones were, and none
	 * comes twice.  Any error refuses the store; @slot is where it is then.
	 */
	struct LoadVisitor {
		virtual Status chunk_size_known(ChunkSize chunk_size) = 0;
		/* No chunk from there on is handed out or taken.  Asked when the size is known. */
		virtual NewChunk new_limit() const { return {UINT64_MAX}; }
		virtual Status exceptions(format::AreaView entries, size_t count, size_t &slot) = 0;

	protected:
		~LoadVisitor() = default;
	};

	/*
	 * Reads the store on @cow, or makes a new one where the device begins with
	 * zeros.
	 * @blocks: of the COW device at most block_sectors_max
	 * @chunk_sectors: the size asked for, checked; 0 if none was
	 * @worker: runs the store's tasks
	 *
	 * A header with another chunk size overrides the one asked for, with a
	 * warning.  What is wrong with a store that is refused goes to the log.
	 * Errors: magic_unknown, version_unknown, chunk_size_*, read_failed,
	 * write_failed, new_chunk_*, store_unterminated, device_too_small,
	 * no_memory, interrupted, the visitor's.
	 * Context: process, sleeps.
	 */
	static Result<Content> open(dmsnap_device *cow, const format::BlockSizes &blocks,
				    uint32_t chunk_sectors, Worker &worker, LoadVisitor &visitor);

	/* Private to open(). */
	PersistentStore(dmsnap_device *cow, const format::Geometry &geometry, NewChunk limit,
			Worker &worker, Owned<FreeChunks> free_chunks);
	/* No commit may be in flight. */
	~PersistentStore();

	Result<NewChunks> prepare(uint64_t wanted) override;
	void commit(CommitBatch &batch) override;
	void mark_invalid(InvalidMark &mark) override;
	StoreUsage usage() const override;
	uint64_t free_chunks() const override;
	bool cut_off() const override;
	void set_device(dmsnap_device *cow, Worker &worker) override
	{
		cow_ = cow;
		worker_ = &worker;
	}

	void quiesce() override;
	int quiesce_killable(const char *what) override;

	/*
	 * For the merge, one request at a time, no commit beside it; all answer
	 * through the tail, whose contents they keep.  See persistent_merge.cpp.
	 * Context: worker.
	 */

	/* Exceptions in the list.  Worker, or while no commit is in flight. */
	uint64_t exceptions() const;
	/* Reads the last exceptions, of which there are some: see ListTail::limit(). */
	void read_tail(ListTail &tail);
	/* Takes off the list, durably, what read_tail() read. */
	void cut_tail(ListTail &tail);
	/* Undoes a cut_tail() that failed, durably. */
	void put_back_tail(ListTail &tail);
	/* cut_tail() has succeeded, and no request is in hand.  Allocation lock. */
	void tail_is_cut(ListTail &tail);

private:
	/* At most this much of the list is written at once: 2048 entries. */
	static constexpr unsigned int buffer_pages = 8;

	enum class Zeroed : uint8_t { no, in_flight, yes };

	Status allocate();
	Status make_new();
	Status load(LoadVisitor &visitor);
	Status take_page(const format::AreaView &entries, uint64_t area, uint32_t first_slot,
			 NewChunk device_end, bool &ended, LoadVisitor &visitor);
	Status use_chunks(format::AreaView entries, NewChunk device_end, size_t &end);
	Status load_tail_block();

	uint64_t device_chunks() const;
	bool area_exists(uint64_t area) const;
	/* Slots that a commit may fill in one write. */
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
	void write_ended();
	void wipe_ended();
	void zero_ended();
	void mark_ended();

	dmsnap_device *cow_;
	format::Geometry geometry_;
	Worker *worker_;

	CowLimit limit_;
	/* Allocation lock. */
	Owned<FreeChunks> free_chunks_;
	uint64_t entries_prepared_ = 0;
	/* What a merge has left is in front of this chunk; 0: nothing was merged. */
	NewChunk merged_end_;

	/* What is in memory at a time: a block of the list; it divides the chunk. */
	uint32_t block_bytes_;
	uint32_t slots_per_block_;
	void *buffer_[buffer_pages] = {};
	void *header_page_ = nullptr;

	/* The list ends at this slot. */
	Atomic<uint64_t> area_; /* the worker writes, usage() reads */
	uint32_t slot_ = 0;
	/* Are there dead entries in the block in which the list ends? */
	bool stale_in_block_ = false;
	/* And behind it, up to this slot of the area?  0: no. */
	uint32_t stale_end_ = 0;
	Zeroed next_area_ = Zeroed::no;
	/* The area that was zeroed last, or is being zeroed. */
	uint64_t zeroed_area_ = 0;
	bool waits_for_zeros_ = false;

	/* The commit in hand: what comes next of its batch. */
	CommitBatch *batch_ = nullptr;
	CommitEntry *entry_ = nullptr;
	uint64_t in_entry_ = 0;
	uint32_t slots_in_flight_ = 0;

	/* The request of a merge in hand. */
	ListTail *tail_ = nullptr;
	InvalidMark *mark_ = nullptr;
	/* For quiesce(), which may be given up: the question stays, and so does its answer. */
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
		/* Not answered, as far as anybody has waited for it. */
		bool asked = false;
	} question_{*this};
	void ask_for_quiet();

	int write_error_ = 0;
	int wipe_error_ = 0;
	int zero_error_ = 0;
	int mark_error_ = 0;
	MethodTask<PersistentStore, &PersistentStore::write_ended> write_task_{*this};
	MethodTask<PersistentStore, &PersistentStore::wipe_ended> wipe_task_{*this};
	MethodTask<PersistentStore, &PersistentStore::zero_ended> zero_task_{*this};
	MethodTask<PersistentStore, &PersistentStore::mark_ended> mark_task_{*this};
	MethodTask<PersistentStore, &PersistentStore::tail_ended> tail_task_{*this};
};

} // namespace dmsnap
