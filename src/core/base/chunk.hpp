// SPDX-License-Identifier: GPL-2.0-only
/*
 * Chunk numbers and sizes.  OldChunk counts on the origin, NewChunk on the COW
 * device; mixing the two is the mistake this driver invites, so they are types.
 */
#pragma once

#include <compare>
#include <cstdint>

namespace dmsnap {

/* 512 bytes, as everywhere in the block layer. */
constexpr unsigned int sector_shift = 9;
constexpr uint32_t sector_bytes = 1u << sector_shift;

namespace detail {

template <typename Tag> struct ChunkNumber {
	uint64_t value = 0;

	constexpr ChunkNumber operator+(uint64_t chunks) const { return {value + chunks}; }
	constexpr ChunkNumber operator-(uint64_t chunks) const { return {value - chunks}; }
	constexpr uint64_t operator-(ChunkNumber other) const { return value - other.value; }
	constexpr auto operator<=>(const ChunkNumber &) const = default;
};

} // namespace detail

using OldChunk = detail::ChunkNumber<struct OldChunkTag>;
using NewChunk = detail::ChunkNumber<struct NewChunkTag>;

/*
 * count consecutive chunks of the origin, stored in as many consecutive chunks of the COW device.
 */
struct Run {
	OldChunk old_begin;
	NewChunk new_begin;
	uint64_t count = 0;

	constexpr OldChunk old_end() const { return old_begin + count; }
	constexpr NewChunk new_end() const { return new_begin + count; }
};

/* A chunk size: a power of two, in sectors. */
class ChunkSize {
public:
	constexpr ChunkSize() = default;
	constexpr explicit ChunkSize(uint32_t sectors)
	    : shift_(static_cast<uint8_t>(__builtin_ctz(sectors)))
	{
	}

	constexpr uint32_t sectors() const { return 1u << shift_; }
	constexpr uint64_t bytes() const { return uint64_t{1} << (shift_ + sector_shift); }
	constexpr unsigned int shift() const { return shift_; }

	/* The chunk of the origin that holds a sector. */
	constexpr OldChunk chunk_of(uint64_t sector) const { return {sector >> shift_}; }
	/* Number of whole chunks in n sectors. */
	constexpr uint64_t chunks_in(uint64_t sectors) const { return sectors >> shift_; }
	/* Number of chunks that n sectors from sector 0 touch. */
	constexpr uint64_t chunks_for(uint64_t sectors) const
	{
		return (sectors + this->sectors() - 1) >> shift_;
	}
	template <typename Tag>
	constexpr uint64_t first_sector(detail::ChunkNumber<Tag> chunk) const
	{
		return chunk.value << shift_;
	}
	/* Length of n chunks. */
	constexpr uint64_t sectors_in(uint64_t chunks) const { return chunks << shift_; }
	constexpr uint32_t offset_in_chunk(uint64_t sector) const
	{
		return static_cast<uint32_t>(sector & (sectors() - 1));
	}

private:
	uint8_t shift_ = 0;
};

} // namespace dmsnap
