// SPDX-License-Identifier: GPL-2.0-only
/*
 * CopiedMap: regions of an origin that every snapshot has called safe, so that the next write
 * there need not look each of them up again.  With many snapshots those lookups are most of the
 * cost of a rewrite.
 *
 * What was safe stays safe: a snapshot keeps a chunk that it has once the run is settled.  Only a
 * snapshot that begins to watch the origin can need the chunk again (after a stopped merge, too,
 * a new snapshot watches the origin).  So each entry of the map has a generation, and forget()
 * begins the next:
 *
 *   a write:   g = generation  (acquire)          a snapshot:  active = true
 *              does the map hold it for g?                     generation + 1 (seq_cst)
 *              if not: look up all snapshots,
 *              then put it for g
 *
 * A write that finds or puts an entry of g read the generation before that.  Had it read the new
 * generation, it would also see that the snapshot is active.  So a write puts an entry of the new
 * generation only after it has looked up that snapshot, and a write that comes after forget()
 * ignores entries of the old one.
 *
 * Each region has a bit, in pages that are allocated when a bit is first set; one of 4 KiB covers
 * 128 MiB.  A table has a place for each page.  Pages far apart share a place: the first to need it
 * has it until the generation ends, and writes to the others are looked up each time.
 *
 *   a place:   | tag: generation, number of the page | bits |
 *
 * Readers are optimistic, like ExceptionTable's: a page gets another number only between setting
 * its tag to 0 and to the new tag, and a reader checks the tag again after reading the bits.
 *
 * Locking: holds() and generation() take no lock. put() and forget() take the map's own lock for
 * the pages.  Call holds() and put() under RCU, from any context.
 */
#pragma once

#include "base/atomic.hpp"
#include "base/guard.hpp"
#include "base/own.hpp"

namespace dmsnap {

class CopiedMap {
public:
	/* 4 KiB: the size of most random writes, and no larger than most chunks. */
	static constexpr unsigned int region_shift = 3;
	static constexpr uint64_t region_sectors = uint64_t{1} << region_shift;
	/* 16 bytes each.  With pages of 4 KiB they cover 512 GiB. */
	static constexpr size_t places = 4096;
	/* log2 of the sectors that a page covers. */
	static constexpr unsigned int page_shift =
		__builtin_ctz(DMSNAP_PAGE_SIZE * 8) + region_shift;

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

	/* Read this before looking at anything else. */
	uint64_t generation() const { return generation_.load_acquire(); }

	/*
	 * Were all sectors in [@sector, @end) safe for all snapshots in this generation?  False
	 * means unknown.
	 */
	bool holds(uint64_t sector, uint64_t end, uint64_t generation) const;

	/*
	 * All snapshots have called [@sector, @end) safe.  Remembers the whole regions in it, if
	 * there is memory.
	 */
	void put(uint64_t sector, uint64_t end, uint64_t generation);

	/*
	 * Another snapshot now watches the origin.
	 * Context: any; one at a time.
	 *
	 * When the bits of the generation repeat, no write of the earlier generation is left that
	 * could find or put an entry: among that many snapshots, one came by a handover, or has
	 * left, or the SnapshotSet has grown for it, and each of these waits for all RCU readers.
	 */
	void forget();

	/* Frees the pages, when there are no snapshots left.  Context: process, sleeps. */
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
	/* Enough for the highest page number. */
	static_assert(64 - page_shift < number_bits);

	static constexpr uint64_t number_of(uint64_t sector) { return sector >> page_shift; }
	/* Never 0, which marks a place that has no page, or whose page is being reused. */
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
