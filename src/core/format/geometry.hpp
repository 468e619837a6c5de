// SPDX-License-Identifier: GPL-2.0-only
/*
 * Geometry: the layout of a store with a given chunk size.  It is only arithmetic, and knows no
 * device and no content.
 *
 *  chunk 0    1        2 .. E+1         E+2      E+3 ..
 *  +--------+--------+----------------+--------+------
 *  | header | area 0 | data, E chunks | area 1 | data        E = exceptions_per_area()
 *  +--------+--------+----------------+--------+------
 *
 * Exceptions are numbered from 0 in the order of their entries, across all areas.  An entry is
 * not tied to the data chunks next to its area: it may refer to any data chunk of the COW device.
 *
 * Unless stated otherwise, chunk numbers may be arbitrary, such as those in a hostile store.
 * Numbers of areas and exceptions must be sane: their chunk numbers must fit in 63 bits.
 */
#pragma once

#include <cstdint>

#include "base/assert.hpp"
#include "base/chunk.hpp"
#include "format/disk_exception.hpp"

namespace dmsnap::format {

constexpr NewChunk header_chunk{0};

class Geometry {
public:
	constexpr Geometry() = default;
	constexpr explicit Geometry(ChunkSize chunk_size) : chunk_size_(chunk_size) {}

	constexpr ChunkSize chunk_size() const { return chunk_size_; }

	/* At most 2^26, with the largest chunk size. */
	constexpr uint32_t exceptions_per_area() const
	{
		return static_cast<uint32_t>(chunk_size_.bytes() / exception_bytes);
	}

	/* An area is one chunk long. */
	constexpr NewChunk area_chunk(uint64_t area) const { return {1 + area * stride()}; }

	/* How many areas have their chunk in the first @chunks chunks of a device. */
	constexpr uint64_t areas_in(uint64_t chunks) const
	{
		return chunks < 2 ? 0 : (chunks - 2) / stride() + 1;
	}

	/* The header or an area. */
	constexpr bool is_metadata(NewChunk chunk) const
	{
		return chunk == header_chunk || (chunk - area_chunk(0)) % stride() == 0;
	}

	/* How many chunks before @end may hold data. */
	constexpr uint64_t data_chunks_before(NewChunk end) const
	{
		const uint64_t chunks = end - header_chunk;
		return chunks == 0 ? 0 : chunks - 1 - areas_in(chunks);
	}

	/* The area that @chunk is, or the last one before it; not for the header. */
	constexpr uint64_t area_of(NewChunk chunk) const
	{
		if (chunk == header_chunk) {
			DMSNAP_ASSERT(chunk != header_chunk);
			return 0;
		}
		return (chunk - area_chunk(0)) / stride();
	}

	constexpr NewChunk first_data_chunk() const { return {2}; }

	/* @chunk, or the next one after it that may hold data. */
	constexpr NewChunk data_chunk_from(NewChunk chunk) const
	{
		if (chunk < first_data_chunk())
			return first_data_chunk();
		return is_metadata(chunk) ? chunk + 1 : chunk;
	}

	/*
	 * The metadata chunk that ends the run of data chunks that @chunk is in.  @chunk must fit
	 * in 63 bits.
	 */
	constexpr NewChunk data_run_end(NewChunk chunk) const
	{
		return chunk == header_chunk ? area_chunk(0) : area_chunk(area_of(chunk) + 1);
	}

	/* The position of an exception's entry. */
	constexpr uint64_t area_of_exception(uint64_t exception) const
	{
		return exception / exceptions_per_area();
	}
	constexpr uint32_t slot_of_exception(uint64_t exception) const
	{
		return static_cast<uint32_t>(exception % exceptions_per_area());
	}

	/*
	 * Chunks that a store with @exceptions exceptions takes if none was wasted, including the
	 * area that ends the list.
	 */
	constexpr uint64_t chunks_for(uint64_t exceptions) const
	{
		return 1 + exceptions + area_of_exception(exceptions) + 1;
	}

private:
	/* Chunks from one area to the next. */
	constexpr uint64_t stride() const { return uint64_t{exceptions_per_area()} + 1; }

	ChunkSize chunk_size_;
};

} // namespace dmsnap::format
