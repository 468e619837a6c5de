// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions: tracks the I/O under way in each part of the origin.  It lets an origin write wait for
 * reads of the snapshot that went to the origin before the exception became visible: only for
 * reads near the chunks that it copies.
 *
 * The origin is divided into regions, and each maps to a place in a table.  Regions far apart may
 * share a place: then one waits for the reads of the other as well.
 *
 * A read enters its regions, then looks the chunk up, and leaves when it ends (or finds that it
 * need not go to the origin).  A write makes the exception visible, then waits until every read
 * that may have missed it has left.
 *
 * Each place has two counters, and a read is counted in the current one.  To wait: drain the
 * other one (stragglers that read "current" before its last change), switch current, and drain
 * the one that was current.  A read that enters after that also looks up after that, and sees the
 * exception.
 *
 * Ordering: a read counts itself, then looks up.  The waiter makes the exception visible, then
 * reads the counters.  Each side's two steps are in the one order of all seq_cst accesses and full
 * fences: the reader's count and the first load of its lookup are seq_cst, the waiter has a full
 * fence between.  So either the waiter sees the count, or the reader sees the exception.  In the
 * same way leave() drops its count, then checks for a waiter; the waiter announces itself, then
 * reads the counters, all seq_cst.  A waiter for several regions waits for one after the other: if
 * a place is empty at any time after the exception became visible, it has no reader left that
 * missed it.
 *
 * A place also counts the snapshot's runs that are in the table and not settled.  While there are
 * any, finding a chunk of the region in the table does not prove that the origin may be
 * overwritten.
 *
 * Locking: it has its own lock for the lists of waiters.  Readers take it only while something
 * waits for their place.
 */
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/atomic.hpp"
#include "base/guard.hpp"
#include "base/list.hpp"
#include "base/own.hpp"
#include "base/worker.hpp"

namespace dmsnap {

class Regions {
public:
	/* 256 KiB: a long read touches few regions, and random 4 KiB reads rarely share one. */
	static constexpr unsigned int region_shift = 9;
	/* 16 bytes each. */
	static constexpr size_t places = 1024;
	/* I/O is cut so that it touches no more regions: see limit(). */
	static constexpr unsigned int touched_max = 8;

	/* What enter() returns, for leave(). */
	struct Token {
		/* The number of regions touched, and a bit for each: which counter was used. */
		uint8_t count = 0;
		uint8_t counters = 0;
	};

	/* Its task is posted once, when the wait is over. */
	class Waiter {
	public:
		explicit Waiter(Task &task) : over_(task) {}

	private:
		friend class Regions;

		Task &over_;
		/* The regions still to wait for. */
		uint64_t next_ = 0;
		uint64_t end_ = 0;
		/* The current drain of region next_ counts for this waiter. */
		bool draining_ = false;
		ListHook link_;
	};

	explicit Regions(Worker &worker) : worker_(worker) {}

	/* Where I/O that begins at @sector must be cut before it enters. */
	static constexpr uint64_t limit(uint64_t sector)
	{
		return (region_of(sector) + touched_max) << region_shift;
	}

	/* I/O on [@sector, @end) is about to look its chunks up.  Context: any. */
	Token enter(uint64_t sector, uint64_t end)
	{
		const uint64_t first = region_of(sector);
		Token token{.count = static_cast<uint8_t>(region_of(end - 1) - first + 1)};
		for (unsigned int i = 0; i < token.count; i++) {
			Place &place = place_of(first + i);
			const uint8_t current = place.current.load_relaxed();
			place.readers[current].add(1);
			token.counters |= static_cast<uint8_t>(current << i);
		}
		return token;
	}

	/* That I/O has ended, or does not go to the origin.  Context: any. */
	void leave(uint64_t sector, Token token)
	{
		const uint64_t first = region_of(sector);
		for (unsigned int i = 0; i < token.count; i++) {
			Place &place = place_of(first + i);
			if (place.readers[token.counters >> i & 1].sub(1) == 0 &&
			    place.waiting.load_seq_cst())
				advance(place);
		}
	}

	/*
	 * Returns true if no wait for [@begin, @end) is needed; otherwise @waiter's task will be
	 * posted.  The exception must be visible by now.
	 * Context: any.
	 */
	bool wait(Waiter &waiter, uint64_t begin, uint64_t end);

	/*
	 * A run that covers [@begin, @end) is about to be in the table without being settled; it
	 * is settled.  Call add_unsettled() before the run is in the table.  Context: any.
	 */
	void add_unsettled(uint64_t begin, uint64_t end);
	void drop_unsettled(uint64_t begin, uint64_t end);
	/*
	 * Is everything in the table settled there?  Check after the table lookup.  Context: any.
	 */
	bool settled(uint64_t begin, uint64_t end) const;

private:
	struct Place {
		Atomic<uint32_t> readers[2];
		Atomic<uint32_t> unsettled;
		Atomic<uint8_t> current;
		/* Is a drain under way? */
		Atomic<bool> waiting;
		/* Has the drain switched current already?  Lock. */
		bool changed = false;

		bool idle() const
		{
			return readers[0].load_seq_cst() == 0 && readers[1].load_seq_cst() == 0;
		}
	};
	static_assert(sizeof(Place) == 16);
	using Waiters = List<Waiter, &Waiter::link_>;

	static constexpr uint64_t region_of(uint64_t sector) { return sector >> region_shift; }
	static size_t index_of(uint64_t region)
	{
		/* Not the remainder alone, because power-of-two distances are common. */
		constexpr uint64_t scatter = 0x9e3779b97f4a7c15;
		return static_cast<size_t>((region + (region / places * scatter >> 32)) % places);
	}
	Place &place_of(uint64_t region) { return places_[index_of(region)]; }
	const Place &place_of(uint64_t region) const { return places_[index_of(region)]; }
	struct Range {
		uint64_t first;
		uint64_t behind;
	};
	/*
	 * The regions of [@begin, @end).  If there are at least as many as places, one region for
	 * each place.
	 */
	static Range range_of(uint64_t begin, uint64_t end);

	void skip_idle(Waiter &waiter);
	void advance(Place &place);
	void enqueue(Waiter &waiter, Waiters &passed) DMSNAP_MUST_HOLD(lock_);
	void advance_locked(Place &place, Waiters &passed) DMSNAP_MUST_HOLD(lock_);
	bool drained(Place &place, Waiters &passed) DMSNAP_MUST_HOLD(lock_);
	void move_on(Waiters &passed) DMSNAP_MUST_HOLD(lock_);
	Waiters &waiters_of(const Place &place) DMSNAP_MUST_HOLD(lock_)
	{
		return waiters_[static_cast<size_t>(&place - places_) % lists];
	}

	static constexpr size_t lists = 64;

	Worker &worker_;
	SpinLock lock_{DMSNAP_LOCK_EPOCH};
	/* Several places share a list. */
	Waiters waiters_[lists] DMSNAP_GUARDED_BY(lock_);
	Place places_[places];
};

} // namespace dmsnap
