// SPDX-License-Identifier: GPL-2.0-only
/*
 * Streams: detects sequential writers of an origin, and decides what to copy ahead of them.
 *
 * A log, a journal or a file copy writes one small piece after the other, and each write would
 * need a copy of its own.  After several in a row the origin copies a window ahead of them: one
 * read, one write and one commit for many writes, while the writer goes on.
 *
 *   candidate   first touches that follow each other without a gap
 *   stream      enough of them.  It may skip sectors; what it has written sets its window
 *
 *        written          copied ahead
 *   |---------------->|=================|
 *                   pos         |     ahead_end
 *                             half a window is left: copy the next one
 *
 * Copying ahead is a guess that costs COW space.  The copies ahead of a stream never exceed what
 * it has written.  When a stream ends with too much unwritten, all windows are shortened; streams
 * that go on lengthen them again.  What was copied ahead and not written yet is counted, so that
 * the caller can limit it.
 *
 * Streams do not decide when a write may pass: Origin::examine() does.  Units are sectors of the
 * origin.
 *
 * Locking: its own lock, ranked after the origin's.  Context: any.
 */
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/atomic.hpp"
#include "base/guard.hpp"

namespace dmsnap {

class Streams {
public:
	/* Longer writes do not count: a copy of their own is cheap enough. 64 KiB. */
	static constexpr uint64_t write_max = 128;
	/* Windows: 16 KiB to 2 MiB. */
	static constexpr uint64_t window_min = 32;
	static constexpr uint64_t window_max = 4096;
	/* First touches in a row that make a stream. */
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
	 * A write at @begin needs a copy, which will reach to @end.  Returns true if there is
	 * something to copy ahead: see take().
	 */
	bool touched(uint64_t begin, uint64_t end);

	/* Is anything copied ahead, so that passed() must be called? */
	bool any_ahead() const { return ahead_.load_relaxed() > 0; }
	/* A write of [@begin, @end) goes to the origin.  Returns as touched() does. */
	bool passed(uint64_t begin, uint64_t end);

	/* Takes a pending guess.  Returns false if there is none. */
	bool take(Guess &guess);
	/* Drops all pending guesses. */
	void forget_guesses();
	/*
	 * [guess.begin, @end) is copied, or is being copied; @copied sectors of that are new
	 * copies.
	 */
	void made(const Guess &guess, uint64_t end, uint64_t copied);

	struct Count {
		/* Total copied ahead. */
		uint64_t copied = 0;
		/*
		 * The part not written: of streams that go on, and of streams that have ended or
		 * skipped it.
		 */
		uint64_t waiting = 0;
		uint64_t wasted = 0;
	};
	Count count() const;

private:
	struct Candidate {
		uint64_t begin;
		/* Where the next write is expected; 0: nowhere. */
		uint64_t next;
		unsigned int touches;
	};

	struct Stream {
		/* 0: the slot is free. */
		uint64_t id = 0;
		/* When it was last seen. */
		uint64_t seen = 0;
		uint64_t pos = 0;
		uint64_t ahead_end = 0;
		/* The last window that was made. */
		uint64_t window = 0;
		uint64_t written = 0;
		/* Copied ahead and written; copied ahead and not written yet. */
		uint64_t used = 0;
		uint64_t unused = 0;
		/* Written since it last lengthened the windows. */
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
	/* The limit of all windows. */
	uint64_t window_limit_ DMSNAP_GUARDED_BY(lock_) = window_max;
	uint64_t copied_ DMSNAP_GUARDED_BY(lock_) = 0;
	uint64_t wasted_ DMSNAP_GUARDED_BY(lock_) = 0;
	/* Streams that have copies ahead of them. */
	Atomic<unsigned int> ahead_;
};

} // namespace dmsnap
