// SPDX-License-Identifier: GPL-2.0-only
/*
 * CopiedMap: regions of an origin that every snapshot was seen to call safe, so that the
 * next write there need not ask each of them again.  With many snapshots the asking is
 * most of what a rewrite costs.
 *
 * What was safe stays so: a chunk that a snapshot has, and whose run is settled, it has
 * for good.  Only a snapshot that begins to watch the origin can need it again (a stopped
 * merge comes back as a new snapshot, too).  So everything in the map is of a generation,
 * and forget() begins another:
 *
 *   a write:   g = generation  (acquire)          a snapshot:  active = true
 *              does the map hold it, of g?                     generation + 1 (seq_cst)
 *              if not: ask all, then put it, of g
 *
 * A write that finds something of g, or puts it, has looked at the generation before; had
 * it been the new one, the write would have seen that the snapshot is active.  So nothing
 * of the new generation is put by a write that has not asked that snapshot, and what is of
 * the old one is no longer believed by any write that comes after forget().
 *
 * A bit for each region, in pages that are allocated when a bit is first set; one covers
 * 128 MiB.  A table has a place for each page.  Pages far apart share a place: the first
 * that comes has it until the generation ends, and the others are asked for each time.
 *
 *   a place:   | tag: generation, number of the page | bits |
 *
 * Readers are optimistic, as ExceptionTable's are: a page is given to another number only
 * between a tag of 0 and the new tag, and a reader looks at the tag again behind the bits.
 *
 * Locking: holds() and generation() take none.  put() and forget() have a lock of their
 * own for the pages.  holds() and put() under RCU, from any context.
 */
#pragma once

#include "base/atomic.hpp"
#include "base/guard.hpp"
#include "base/own.hpp"

namespace dmsnap {

class CopiedMap {
public:
	/* 4 KiB: what most random writes are, and no more than most chunks. */
	static constexpr unsigned int region_shift = 3;
	static constexpr uint64_t region_sectors = uint64_t{1} << region_shift;
	/* At 16 bytes each; with a page they cover 512 GiB. */
	static constexpr size_t places = 4096;
	/* Of a page, in sectors. */
	static constexpr unsigned int page_shift = 15 + region_shift;
	static_assert(DMSNAP_PAGE_SIZE * 8 == 1u << (page_shift - region_shift));

	CopiedMap() = default;
	~CopiedMap();
	CopiedMap(const CopiedMap &) = delete;
	CopiedMap &operator=(const CopiedMap &) = delete;

	/* May sleep. */
	Status allocate()
	{
		table_ = DMSNAP_TRY(make_owned<Table>());
		return {};
	}

	/* To be asked before anything else is looked at. */
	uint64_t generation() const { return generation_.load_acquire(); }

	/* Were all sectors in [@sector, @end) safe for all in this generation?  False: perhaps. */
	bool holds(uint64_t sector, uint64_t end, uint64_t generation) const;

	/*
	 * All have called [@sector, @end) safe; its whole regions are kept, if there is
	 * memory.
	 */
	void put(uint64_t sector, uint64_t end, uint64_t generation);

	/*
	 * A snapshot watches the origin now that did not before.
	 * Context: any; one at a time.
	 *
	 * No write of long ago is left that could still believe, or put, something of a
	 * generation with the same bits: of so many snapshots one has come by a handover, or
	 * has gone, or the SnapshotSet has grown for it, and each of these waits for all that
	 * are under RCU.
	 */
	void forget();

	/* Nobody asks any more: frees the pages.  Context: process, sleeps. */
	void clear();

	/* Pages in use.  Context: any. */
	size_t pages() const { return pages_.load_relaxed(); }

private:
	using Word = Atomic<uint64_t>;
	static constexpr size_t words = DMSNAP_PAGE_SIZE / sizeof(Word);

	struct Place {
		Atomic<uint64_t> tag;
		Atomic<Word *> bits;
	};
	struct Table {
		Place at[places];
	};

	static constexpr unsigned int number_bits = 48;
	static constexpr uint64_t generations = uint64_t{1} << (64 - number_bits);
	/* Enough for the last page there can be. */
	static_assert(64 - page_shift < number_bits);

	static constexpr uint64_t number_of(uint64_t sector) { return sector >> page_shift; }
	/* Never 0, which is in a place that has no page, or is about to have another. */
	static constexpr uint64_t tag_of(uint64_t number, uint64_t generation)
	{
		return generation << number_bits | (number + 1);
	}
	static constexpr unsigned int region_in_page(uint64_t sector)
	{
		return sector >> region_shift & (DMSNAP_PAGE_SIZE * 8 - 1);
	}
	Place &place_of(uint64_t number) const { return table_->at[number % places]; }
	Word *page_for(uint64_t number, uint64_t generation) DMSNAP_MUST_HOLD(lock_);

	Atomic<uint64_t> generation_;
	Atomic<size_t> pages_;
	SpinLock lock_{DMSNAP_LOCK_COPIED_MAP};
	/* Changed under the lock. */
	Owned<Table> table_;
};

} // namespace dmsnap
