// SPDX-License-Identifier: GPL-2.0-only
/* WriteBack: copies, and invalidation of the snapshot. */
#include <algorithm>
#include <cerrno>
#include <utility>

#include "sim/studies/write_back.hpp"

namespace dmsnap::sim::studies {
namespace {

using user::Op;

/* Batches at a time, and the chunks in one: 1 MiB. */
constexpr unsigned int batches_max = 4;
constexpr size_t batch_chunks_max = 256;
constexpr size_t streams_max = 32;
/* After this many sequential pages a write is taken for part of a stream. */
constexpr uint64_t stream_pages = 4;

/* The end of the run of consecutive numbers that starts at @at. */
size_t end_of_run(const std::vector<uint64_t> &numbers, size_t at)
{
	do
		at++;
	while (at < numbers.size() && numbers[at] == numbers[at - 1] + 1);
	return at;
}

} // namespace

struct WriteBack::Mark : InvalidMark {
	explicit Mark(WriteBack &in) : InvalidMark(&on_end), of(in) {}
	void begin() { of.store_->mark_invalid(*this); }
	static void on_end(InvalidMark &of_it)
	{
		auto &mark = static_cast<Mark &>(of_it);
		mark.ended = true;
		mark.of.world_.wake(&mark);
	}

	WriteBack &of;
	bool ended = false;
	MethodTask<Mark, &Mark::begin> task{*this};
};

void WriteBack::want_copy(uint64_t chunk)
{
	if (chunks_[chunk] != State::missing)
		return;
	chunks_[chunk] = State::copying;
	to_copy_.push_back(chunk);
}

void WriteBack::copy_ahead(uint64_t first, uint64_t end)
{
	auto known = std::find_if(streams_.begin(), streams_.end(),
				  [first](const Stream &stream) { return stream.end == first; });
	Stream stream = known == streams_.end() ? Stream{} : *known;
	if (known != streams_.end())
		streams_.erase(known);
	else if (streams_.size() == streams_max)
		streams_.pop_back();
	stream.end = end;
	stream.pages += end - first;
	if (stream.pages >= stream_pages && stream.ahead_end < end + options_.ahead_pages / 2) {
		uint64_t until = std::min<uint64_t>(end + options_.ahead_pages, chunks_.size());
		for (uint64_t n = std::max(stream.ahead_end, end); n < until; n++)
			want_copy(n);
		stream.ahead_end = until;
		start_copies();
	}
	streams_.push_front(stream);
}

void WriteBack::start_copies()
{
	while (!to_copy_.empty() && batches_ < batches_max) {
		auto from = to_copy_.begin(),
		     to = from +
			  static_cast<ptrdiff_t>(std::min(to_copy_.size(), batch_chunks_max));
		std::vector<uint64_t> chunks(from, to);
		to_copy_.erase(from, to);
		batches_++;
		world_.spawn("copy", [this, chunks] { copy(chunks); });
	}
}

void WriteBack::copy(std::vector<uint64_t> chunks)
{
	std::sort(chunks.begin(), chunks.end());
	std::vector<Run> runs;
	if (copy_out(chunks, runs)) {
		lose_snapshot();
	} else {
		copied_.insert(copied_.end(), runs.begin(), runs.end());
		for (uint64_t chunk : chunks)
			chunks_[chunk] = State::copied;
	}
	batches_--;
	start_copies();
	world_.wake(&copied_);
	world_.wake(&stopped_);
}

int WriteBack::copy_out(const std::vector<uint64_t> &chunks, std::vector<Run> &runs)
{
	std::vector<uint8_t> data(chunks.size() * page_bytes);
	auto part = [&data](size_t at, size_t count) {
		return std::span(data).subspan(at * page_bytes, count * page_bytes);
	};
	Together reads(world_);
	for (size_t at = 0, end; at < chunks.size(); at = end) {
		end = end_of_run(chunks, at);
		reads.submit(disk_, {.op = Op::read,
				     .sector = chunks[at] * page_sectors,
				     .sectors = (end - at) * page_sectors,
				     .data = {part(at, end - at)}});
	}
	if (int error = reads.wait())
		return error;
	Together writes(world_);
	int full = 0;
	for (size_t at = 0; at < chunks.size();) {
		auto taken = store_->prepare(chunks.size() - at);
		if (!taken) {
			full = -ENOSPC;
			break;
		}
		writes.submit(cow_, {.op = Op::write,
				     .sector = taken->begin.value * page_sectors,
				     .sectors = taken->count * page_sectors,
				     .data = {part(at, taken->count)},
				     .stable = true});
		size_t end = at + taken->count;
		for (NewChunk to = taken->begin; at < end;) {
			size_t next = std::min(end_of_run(chunks, at), end);
			runs.push_back({{chunks[at]}, to, next - at});
			to = to + (next - at);
			at = next;
		}
	}
	int error = writes.wait();
	return full ? full : error;
}

void WriteBack::lose_snapshot()
{
	if (std::exchange(losing_, true))
		return;
	Mark mark(*this);
	worker_->post(mark.task);
	world_.wait(&mark, "the mark", [&mark] { return mark.ended; });
	worker_->stop(mark.task);
	lost_ = true;
	world_.wake(&copied_);
}

} // namespace dmsnap::sim::studies
