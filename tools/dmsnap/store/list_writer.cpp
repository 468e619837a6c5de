// SPDX-License-Identifier: GPL-2.0-only
#include "store/list_writer.hpp"

#include <algorithm>

namespace dmsnap::tool {
namespace {

constexpr size_t buffer_bytes_max = 64 << 10;

} // namespace

void ListWriter::write(const EntryPlace &place)
{
	uint64_t offset = offset_of(place.area, place.slot);
	if (offset != begin_ + buffer_.size() || buffer_.size() >= buffer_bytes_max)
		flush();
	if (buffer_.empty())
		begin_ = offset;
	buffer_.resize(buffer_.size() + format::exception_bytes);
	auto last = std::span(buffer_).last(format::exception_bytes);
	format::MutableAreaView(last).write(0, place.exception);
}

void ListWriter::zero_rest(uint64_t area, uint32_t slot)
{
	flush();
	uint64_t begin = offset_of(area, slot);
	uint64_t end = offset_of(area, geometry_.exceptions_per_area());
	/* Most of it is zero already, and must stay a hole in an image. */
	std::vector<std::byte> piece;
	for (; begin < end; begin += piece.size()) {
		piece.resize(std::min<uint64_t>(end - begin, buffer_bytes_max));
		if (!cow_.read(begin, piece) || !all_zero(piece)) {
			std::ranges::fill(piece, std::byte{0});
			cow_.write(begin, piece);
		}
	}
}

void ListWriter::flush()
{
	if (!buffer_.empty())
		cow_.write(begin_, buffer_);
	buffer_.clear();
}

} // namespace dmsnap::tool
