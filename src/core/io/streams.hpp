// SPDX-License-Identifier: GPL-2.0-only
/*
 * Streams: which writers of an origin write in sequence, and what to copy ahead of them.
 *
 * A log, a journal or a file copy writes one small piece behind the other.  Each would pay
 * for a copy of its own.  When some have come in a row the origin copies a window ahead of
 * them: one read, one write and one commit for many writes, while the writer goes on.
 *
 *   candidate   first touches were seen that follow each other without a gap
 *   stream      enough of them.  It may skip something; what it has written sets its window
 *
 *        written          copied ahead
 *   |---------------->|=================|
 *                   pos         |     ahead_end
 *                             half a window is left: the next one is wanted
 *
 * Copying ahead is a guess that costs COW space.  Never more is ahead of a stream than it has
 * written.  When a stream ends with too much unwritten the windows of all get
 * shorter; streams that go on make them longer again.  What was copied ahead and not
 * written yet is counted, so that the caller can limit it.
 *
 * Streams decide nothing about when a write may pass: that rule is Origin::examine()'s.
 * Units are sectors of the origin.
 *
 * Locking: its own, behind the origin's.  Context: any.
 */
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/atomic.hpp"
#include "base/guard.hpp"

namespace dmsnap {

class Streams {
public:
	/* Writes longer than this pay for a copy of their own: 64 KiB. */
	static constexpr uint64_t write_max = 128;
	/* Windows: 16 KiB to 2 MiB. */
	static constexpr uint64_t window_min = 32;
	static constexpr uint64_t window_max = 4096;
	/* First touches in a row before anything is copied ahead. */
	static constexpr unsigned int touches_wanted = 4;
	static constexpr size_t streams_max = 8;
	static constexpr size_t candidates_max = 16;

	struct Guess {
		uint64_t begin;
		uint64_t end;
		/* For made(). */
		size_t index;
		uint64_t id;
	};

	/*
	 * A write at @begin needs a copy, which will reach to @end.  True: something is to be
	 * copied ahead, see take().
	 */
	bool touched(uint64_t begin, uint64_t end);

	/* Is it worth a call of passed()? */
	bool any_ahead() const { return ahead_.load_relaxed() > 0; }
	/* A write of [@begin, @end) goes to the origin.  True: as touched(). */
	bool passed(uint64_t begin, uint64_t end);

	/* Takes one of the guesses that are wanted.  False: there is none. */
	bool take(Guess &guess);
	/* Those that are wanted are wanted no longer. */
	void forget_guesses();
	/* [begin, @end) of it is copied, or will be; @copied sectors of that were not before. */
	void made(const Guess &guess, uint64_t end, uint64_t copied);

	struct Count {
		/* Copied ahead, in all. */
		uint64_t copied = 0;
		/* Of that, not written: of streams that go on, and of those that have ended. */
		uint64_t waiting = 0;
		uint64_t wasted = 0;
	};
	Count count() const;

private:
	struct Candidate {
		uint64_t begin;
		/* Where the next write is expected; 0: none is. */
		uint64_t next;
		unsigned int touches;
	};

	struct Stream {
		/* 0: there is none. */
		uint64_t id = 0;
		/* When it was seen last. */
		uint64_t seen = 0;
		uint64_t pos = 0;
		uint64_t ahead_end = 0;
		/* The last one that was made. */
		uint64_t window = 0;
		uint64_t written = 0;
		/* Copied ahead and written; copied ahead and not written yet. */
		uint64_t used = 0;
		uint64_t unused = 0;
		/* Written since it last made the windows longer. */
		uint64_t proven = 0;
		bool wants = false;
	};

	Stream *stream_at(uint64_t begin) DMSNAP_MUST_HOLD(lock_);
	void advance(Stream &stream, uint64_t begin, uint64_t end) DMSNAP_MUST_HOLD(lock_);
	void begin_stream(const Candidate &candidate) DMSNAP_MUST_HOLD(lock_);
	void end_stream(Stream &stream) DMSNAP_MUST_HOLD(lock_);

	mutable SpinLock lock_{DMSNAP_LOCK_STREAMS};
	Stream streams_[streams_max] DMSNAP_GUARDED_BY(lock_);
	Candidate candidates_[candidates_max] DMSNAP_GUARDED_BY(lock_) = {};
	size_t next_candidate_ DMSNAP_GUARDED_BY(lock_) = 0;
	uint64_t clock_ DMSNAP_GUARDED_BY(lock_) = 0;
	/* Of all windows. */
	uint64_t window_limit_ DMSNAP_GUARDED_BY(lock_) = window_max;
	uint64_t copied_ DMSNAP_GUARDED_BY(lock_) = 0;
	uint64_t wasted_ DMSNAP_GUARDED_BY(lock_) = 0;
	/* Streams with something copied ahead of them. */
	Atomic<unsigned int> ahead_;
};

} // namespace dmsnap
