// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions: what is under way on which part of the origin.  It lets an origin write wait for
 * the snapshot's reads that were sent to the origin before the exception became visible:
 * for those of the chunks it copies, and not for others.
 *
 * The origin is divided into regions, and each has a place in a table.  Regions far apart
 * share a place: then one waits for the reads of the other as well.
 *
 * A read enters its regions, then looks the chunk up, and leaves when it ends (or finds
 * that it need not go to the origin).  A write makes the exception visible, then waits
 * until every read has left that may not have seen it.
 *
 * Two counters in each place; a read counts in the current one.  To wait: drain the other
 * one (stragglers that read current before it changed last), change current, drain the
 * one that was current.  A read that enters after that looks up after that, and sees the
 * exception.
 *
 * Ordering: enter() counts, then looks up; the waiter makes visible, then reads the
 * counters; a full barrier stands between the two on each side.  So either the waiter sees
 * the count, or the reader sees the exception.  In the same way leave() counts, then looks
 * whether anybody waits; the waiter says that it waits, then reads the counters.  A waiter
 * of several regions waits for one after the other: a place that is empty at any time
 * after the exception is visible has no reader left that missed it.
 *
 * A place also counts the snapshot's runs that are in the table and not settled: while
 * there are any, a chunk of the region that is found in the table is no proof that the
 * origin may be overwritten.
 *
 * Locking: its own, for the lists of waiters.  Readers take it only while somebody waits
 * for their place.
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
	/* 256 KiB: a long read touches few, and random reads of 4 KiB seldom the same. */
	static constexpr unsigned int region_shift = 9;
	/* At 16 bytes each. */
	static constexpr size_t places = 1024;
	/* I/O is cut so that it touches no more: see limit(). */
	static constexpr unsigned int touched_max = 8;

	/* To be given back to leave(). */
	struct Token {
		/* Regions touched, and for each which counter it was counted in. */
		uint8_t count = 0;
		uint8_t counters = 0;
	};

	/* Waits through its task, which is posted once when the wait is over. */
	class Waiter {
	public:
		explicit Waiter(Task &task) : over_(task) {}

	private:
		friend class Regions;

		Task &over_;
		/* Regions to be waited for. */
		uint64_t next_ = 0;
		uint64_t end_ = 0;
		/* The drain under way in the next one is for this waiter. */
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
	 * True: nobody in [@begin, @end) has to be waited for.  False: @waiter's task will be
	 * posted.  The exception must be visible by now.
	 * Context: any.
	 */
	bool wait(Waiter &waiter, uint64_t begin, uint64_t end);

	/*
	 * A run that covers [@begin, @end) will be in the table before it is settled, or is
	 * settled.  The count rises before the run is in the table.  Context: any.
	 */
	void add_unsettled(uint64_t begin, uint64_t end);
	void drop_unsettled(uint64_t begin, uint64_t end);
	/* Is everything in the table settled there?  To be asked behind the table.  Context: any. */
	bool settled(uint64_t begin, uint64_t end) const;

private:
	struct Place {
		Atomic<uint32_t> readers[2];
		Atomic<uint32_t> unsettled;
		Atomic<uint8_t> current;
		/* Is a drain under way? */
		Atomic<bool> waiting;
		/* Has current been changed in it?  Lock. */
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
		/* Not by the remainder alone, for round distances are common. */
		constexpr uint64_t scatter = 0x9e3779b97f4a7c15;
		return static_cast<size_t>((region + (region / places * scatter >> 32)) % places);
	}
	Place &place_of(uint64_t region) { return places_[index_of(region)]; }
	const Place &place_of(uint64_t region) const { return places_[index_of(region)]; }
	struct Range {
		uint64_t first;
		uint64_t behind;
	};
	/* The regions of [@begin, @end); if they are as many as places, one for each place. */
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
	/* Those of several places share a list. */
	Waiters waiters_[lists] DMSNAP_GUARDED_BY(lock_);
	Place places_[places];
};

} // namespace dmsnap
