// SPDX-License-Identifier: GPL-2.0-only
/*
 * KnownSafe: regions of an origin that every snapshot was seen to call safe, so
 * that the next write there need not ask each of them again.  With many snapshots
 * the asking is most of what a rewrite costs.
 *
 * What was safe stays so: a chunk that a snapshot has, and whose run is settled, it
 * has for good.  Only a snapshot that begins to watch the origin can need it again
 * (a stopped merge comes back as a new snapshot, too).  So each entry is of a
 * generation, and forget() begins another:
 *
 *   a write:   g = generation  (acquire)          a snapshot:  active = true
 *              is there an entry of g?                         generation + 1 (seq_cst)
 *              if not: ask all, then put an entry of g
 *
 * A write that finds an entry of g, or puts one, has looked at the generation before;
 * had it been the new one, the write would have seen that the snapshot is active.
 * So no entry of the new generation is put by who has not asked that snapshot, and one
 * of the old one is no longer believed by whoever comes after forget().
 *
 * A table with one place for each region, which the last one takes: it may forget.
 * Locking: none; holds() and put() under RCU, from any context.
 */
#pragma once

#include "base/atomic.hpp"
#include "base/own.hpp"

namespace dmsnap {

class KnownSafe {
public:
	/* 4 KiB: what most random writes are, and no more than most chunks. */
	static constexpr unsigned int region_shift = 3;
	static constexpr uint64_t region_sectors = uint64_t{1} << region_shift;
	/* At 8 bytes each. */
	static constexpr size_t places = 8192;
	/* Of one write, 1 MiB: a large one must not take all places. */
	static constexpr uint64_t put_max = 256;

	/* May sleep. */
	Status allocate()
	{
		table_ = DMSNAP_TRY(make_owned<Table>());
		return {};
	}

	/* To be asked before anything else is looked at. */
	uint64_t generation() const { return generation_.load_acquire(); }

	/* Were all sectors in [@sector, @end) safe for all in this generation?  False: perhaps. */
	bool holds(uint64_t sector, uint64_t end, uint64_t generation) const
	{
		const uint64_t region = sector >> region_shift;
		return (end - 1) >> region_shift == region && region < region_limit &&
		       place_of(region).load_acquire() == entry(region, generation);
	}

	/* All have called [@sector, @end) safe; its whole regions are kept, the first of many. */
	void put(uint64_t sector, uint64_t end, uint64_t generation)
	{
		uint64_t region = (sector + region_sectors - 1) >> region_shift;
		uint64_t last = end >> region_shift;
		if (last > region + put_max)
			last = region + put_max;
		if (last > region_limit)
			return;
		for (; region < last; region++)
			place_of(region).store_release(entry(region, generation));
	}

	/*
	 * A snapshot watches the origin now that did not before.
	 * Context: any; one at a time.
	 *
	 * No write of long ago is left either that could still put an entry: of so many
	 * snapshots one has come by a handover, or has gone, or the SnapshotSet has grown
	 * for it, and each of these waits for all that are under RCU.
	 */
	void forget()
	{
		const uint64_t next = generation_.load_relaxed() + 1;
		if (next % generations == 0) {
			/* An entry has the lower bits alone: none of long ago may be left. */
			for (Atomic<uint64_t> &place : table_->at)
				place.store_relaxed(0);
		}
		generation_.store_seq_cst(next);
	}

private:
	static constexpr unsigned int region_bits = 48;
	/* No entry has the bits for the regions from this one on. */
	static constexpr uint64_t region_limit = (uint64_t{1} << region_bits) - 1;
	static constexpr uint64_t generations = uint64_t{1} << (64 - region_bits);

	struct Table {
		Atomic<uint64_t> at[places];
	};

	Atomic<uint64_t> &place_of(uint64_t region) const { return table_->at[region % places]; }
	/* Never 0, which is in a place that was not taken yet. */
	static uint64_t entry(uint64_t region, uint64_t generation)
	{
		return generation << region_bits | (region + 1);
	}

	Atomic<uint64_t> generation_;
	Owned<Table> table_;
};

} // namespace dmsnap
