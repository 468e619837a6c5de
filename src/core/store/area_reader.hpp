// SPDX-License-Identifier: GPL-2.0-only
/*
 * AreaReader: reads the metadata areas of a store, piece by piece, in order.  The positions of
 * the areas are known in advance, so it reads ahead: one piece at first, since most stores are
 * short, then twice as many each time, up to pieces_ahead_max in flight.
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
	/* A piece is a whole area, or this much of a longer one: 64 KiB. */
	static constexpr unsigned int piece_pages_max = LoadRead::pages_max;

	struct Piece {
		uint64_t area;
		/* The first slot of the piece, counted within its area. */
		uint32_t first_slot;
		/* The data, page by page: memory is allocated in single pages. */
		std::span<void *const> pages;
		/* Bytes in all pages together. */
		uint32_t bytes;
		bool ends_area;
	};

	/* Reads at most the first @areas areas of the COW device. */
	static Result<AreaReader> create(dmsnap_device *cow, const format::Geometry &geometry,
					 uint64_t areas);

	/* Are there more pieces? next() may be called only if so. */
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
	/* The piece that next() returns, and the one to read after those in flight. */
	uint64_t next_ = 0;
	uint64_t ahead_ = 0;
	unsigned int depth_ = 1;
	Owned<Slots> slots_;
};

} // namespace dmsnap
