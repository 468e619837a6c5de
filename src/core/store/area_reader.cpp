// SPDX-License-Identifier: GPL-2.0-only
#include "store/area_reader.hpp"
#include "base/min_max.hpp"

#include <dmsnap/port/log.h>
#include <dmsnap/port/memory.h>

namespace dmsnap {

Result<AreaReader> AreaReader::create(dmsnap_device *cow, const format::Geometry &geometry,
				      uint64_t areas)
{
	constexpr uint64_t piece_bytes_max = uint64_t{piece_pages_max} * DMSNAP_PAGE_SIZE;
	uint64_t area_bytes = geometry.chunk_size().bytes();
	AreaReader reader;

	reader.cow_ = cow;
	reader.geometry_ = geometry;
	reader.piece_bytes_ = static_cast<uint32_t>(smaller(area_bytes, piece_bytes_max));
	reader.pieces_per_area_ = static_cast<uint32_t>(area_bytes / reader.piece_bytes_);
	reader.pieces_ = areas * reader.pieces_per_area_;
	reader.slots_ = DMSNAP_TRY(make_owned<Slots>());
	return reader;
}

Status AreaReader::read_ahead()
{
	uint32_t pages = (piece_bytes_ + DMSNAP_PAGE_SIZE - 1) / DMSNAP_PAGE_SIZE;

	for (; ahead_ < pieces_ && ahead_ - next_ < depth_; ahead_++) {
		LoadRead &read = read_of(ahead_);
		if (!read.is_allocated() && !read.allocate(pages)) {
			/* One read in flight is enough, only slower. */
			if (ahead_ > next_)
				return {};
			return fail(Error::no_memory);
		}
		start(ahead_);
	}
	return {};
}

void AreaReader::start(uint64_t piece)
{
	ChunkSize chunk_size = geometry_.chunk_size();
	uint64_t area_sector = chunk_size.first_sector(geometry_.area_chunk(area_of(piece)));
	uint32_t piece_sectors = piece_bytes_ / sector_bytes;

	read_of(piece).start(cow_, area_sector + piece % pieces_per_area_ * piece_sectors,
			     piece_sectors);
}

Result<AreaReader::Piece> AreaReader::next()
{
	DMSNAP_CHECK(read_ahead());

	uint64_t piece = next_;
	LoadRead &read = read_of(piece);
	int error = DMSNAP_TRY(read.wait());
	if (error) {
		dmsnap_port_log(DMSNAP_LOG_ERROR,
				"snapshot store refused: reading area %llu failed (error %d)",
				static_cast<unsigned long long>(area_of(piece)), error);
		return fail(Error::read_failed);
	}

	next_++;
	if (depth_ < pieces_ahead_max / 2)
		depth_ *= 2;
	/* The caller is using the read that just ended, so one less may be in flight. */
	else
		depth_ = pieces_ahead_max - 1;

	uint32_t in_area = static_cast<uint32_t>(piece % pieces_per_area_);
	return Piece{
		.area = area_of(piece),
		.first_slot =
			in_area * (piece_bytes_ / static_cast<uint32_t>(format::exception_bytes)),
		.pages = read.pages(),
		.bytes = piece_bytes_,
		.ends_area = in_area + 1 == pieces_per_area_,
	};
}

} // namespace dmsnap
