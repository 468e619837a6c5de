// SPDX-License-Identifier: GPL-2.0-only
#include "io/streams.hpp"

#include <utility>

#include "base/min_max.hpp"

namespace dmsnap {

bool Streams::touched(uint64_t begin, uint64_t end)
{
	SpinGuard guard(lock_);

	if (Stream *stream = stream_at(begin)) {
		advance(*stream, begin, end);
		stream->wants = true;
		return true;
	}
	for (Candidate &candidate : candidates_) {
		if (candidate.touches == 0 || candidate.next != begin)
			continue;
		candidate.next = end;
		if (++candidate.touches < touches_wanted)
			return false;
		begin_stream(candidate);
		candidate.touches = 0;
		return true;
	}
	candidates_[next_candidate_] = {.begin = begin, .next = end, .touches = 1};
	next_candidate_ = (next_candidate_ + 1) % candidates_max;
	return false;
}

bool Streams::passed(uint64_t begin, uint64_t end)
{
	SpinGuard guard(lock_);

	for (Stream &stream : streams_) {
		if (stream.pos >= stream.ahead_end || begin < stream.pos ||
		    begin >= stream.ahead_end)
			continue;
		advance(stream, begin, end);
		stream.wants = stream.ahead_end - stream.pos < stream.window / 2;
		return stream.wants;
	}
	return false;
}

/* The stream that a write at @begin belongs to.  It may skip up to a window. */
Streams::Stream *Streams::stream_at(uint64_t begin)
{
	for (Stream &stream : streams_) {
		if (stream.id && begin >= stream.pos && begin <= stream.ahead_end + stream.window)
			return &stream;
	}
	return nullptr;
}

void Streams::advance(Stream &stream, uint64_t begin, uint64_t end)
{
	const bool was_ahead = stream.ahead_end > stream.pos;

	stream.seen = ++clock_;
	stream.written += end - begin;
	stream.proven += end - begin;
	if (begin < stream.ahead_end) {
		uint64_t used = smaller(smaller(end, stream.ahead_end) - begin, stream.unused);
		stream.used += used;
		stream.unused -= used;
	}
	stream.pos = end;
	if (stream.ahead_end <= end) {
		stream.ahead_end = end;
		/* It has skipped the rest. */
		wasted_ += stream.unused;
		stream.unused = 0;
		if (was_ahead)
			ahead_.sub(1);
	}
	if (stream.proven >= 8 * window_limit_ && window_limit_ < window_max) {
		window_limit_ *= 2;
		stream.proven = 0;
	}
}

void Streams::begin_stream(const Candidate &candidate)
{
	Stream *oldest = &streams_[0];
	for (Stream &stream : streams_) {
		if (stream.seen < oldest->seen)
			oldest = &stream;
	}
	end_stream(*oldest);
	*oldest = {.id = ++clock_,
		   .seen = clock_,
		   .pos = candidate.next,
		   .ahead_end = candidate.next,
		   .written = candidate.next - candidate.begin,
		   .wants = true};
}

void Streams::end_stream(Stream &stream)
{
	if (stream.ahead_end > stream.pos)
		ahead_.sub(1);
	wasted_ += stream.unused;
	if (stream.unused > stream.used / 8 && window_limit_ > window_min)
		window_limit_ /= 2;
}

bool Streams::take(Guess &guess)
{
	SpinGuard guard(lock_);

	for (Stream &stream : streams_) {
		if (!std::exchange(stream.wants, false))
			continue;
		uint64_t end =
			smaller(stream.ahead_end + window_limit_, stream.pos + stream.written);
		if (end <= stream.ahead_end)
			continue;
		guess = {.begin = stream.ahead_end,
			 .end = end,
			 .index = static_cast<size_t>(&stream - streams_),
			 .id = stream.id};
		return true;
	}
	return false;
}

void Streams::made(const Guess &guess, uint64_t end, uint64_t copied)
{
	SpinGuard guard(lock_);
	Stream &stream = streams_[guess.index];

	copied_ += copied;
	/* The stream may have ended meanwhile, or be past the guess. */
	if (stream.id != guess.id || end <= stream.ahead_end) {
		wasted_ += copied;
		return;
	}
	if (stream.ahead_end == stream.pos)
		ahead_.add(1);
	const uint64_t passed = smaller(stream.ahead_end - guess.begin, copied);
	stream.used += passed;
	stream.unused += copied - passed;
	stream.ahead_end = end;
	stream.window = end - guess.begin;
}

void Streams::forget_guesses()
{
	SpinGuard guard(lock_);
	for (Stream &stream : streams_)
		stream.wants = false;
}

Streams::Count Streams::count() const
{
	SpinGuard guard(lock_);
	Count count{.copied = copied_, .wasted = wasted_};

	for (const Stream &stream : streams_)
		count.waiting += stream.unused;
	return count;
}

} // namespace dmsnap
