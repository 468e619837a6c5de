// SPDX-License-Identifier: GPL-2.0-only
/*
 * AreaReader: the bytes of the metadata areas of a store, piece by piece, in
 * order.  Where the areas lie is known in advance, so it reads ahead: one piece
 * at first, since most stores end soon, then twice as many each time, up to
 * pieces_ahead_max in flight.
 *
 * Context: process; sleeps.  Construction only.
 */
#pragma once

#include <span>

#include "base/own.hpp"
#include "format/geometry.hpp"
#include "store/load_read.hpp"

namespace dmsnap {

class AreaReader {
public:
	static constexpr unsigned int pieces_ahead_max = 32;
	/* A piece is an area, or this much of one: 64 KiB. */
	static constexpr unsigned int piece_pages_max = LoadRead::pages_max;

	struct Piece {
		uint64_t area;
		/* The first slot in it, counted in its area. */
		uint32_t first_slot;
		/* One span a page: a page at a time is what memory comes in. */
		std::span<void *const> pages;
		/* Bytes in all of them together. */
		uint32_t bytes;
		bool ends_area;
	};

	/* Reads the first @areas areas of the COW device at most. */
	static Result<AreaReader> create(dmsnap_device *cow, const format::Geometry &geometry,
					 uint64_t areas);

	/* False: there are no more.  next() is allowed only after true. */
	bool more() const { return next_ < pieces_; }
	/*
	 * The next piece; valid until the next call.
	 * Errors: read_failed, no_memory, interrupted.
	 */
	Result<Piece> next();

private:
	struct Slots {
		LoadRead reads[pieces_ahead_max];
	};

	AreaReader() = default;
	Status read_ahead();
	void start(uint64_t piece);
	LoadRead &read_of(uint64_t piece) { return slots_->reads[piece % pieces_ahead_max]; }
	uint64_t area_of(uint64_t piece) const { return piece / pieces_per_area_; }

	dmsnap_device *cow_ = nullptr;
	format::Geometry geometry_;
	uint64_t pieces_ = 0;
	uint32_t pieces_per_area_ = 1;
	uint32_t piece_bytes_ = 0;
	/* The piece that next() gives, the one that is to be read after those in flight. */
	uint64_t next_ = 0;
	uint64_t ahead_ = 0;
	unsigned int depth_ = 1;
	Owned<Slots> slots_;
};

} // namespace dmsnap
