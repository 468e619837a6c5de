// SPDX-License-Identifier: GPL-2.0-only
/*
 * The header of a store, in chunk 0 of the COW device: from bytes to values and
 * back.  Whether the chunk size in it suits the devices is chunk_size.hpp's
 * question.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "format/little_endian.hpp"

namespace dmsnap::format {

/* "SnAp", read as text from the disk. */
constexpr uint32_t header_magic = 0x70416e53;
constexpr uint32_t header_version = 1;

/* On disk; the rest of chunk 0 is zero. */
struct DiskHeader {
	le32 magic;
	le32 valid;
	le32 version;
	le32 chunk_size; /* sectors */
};

static_assert(offsetof(DiskHeader, magic) == 0);
static_assert(offsetof(DiskHeader, valid) == 4);
static_assert(offsetof(DiskHeader, version) == 8);
static_assert(offsetof(DiskHeader, chunk_size) == 12);
static_assert(sizeof(DiskHeader) == 16);

constexpr size_t header_bytes = sizeof(DiskHeader);

struct Header {
	/* false: the snapshot lost data and must not be used again. */
	bool valid = true;
	/* As read: any number. */
	uint32_t chunk_sectors = 0;
};

/*
 * Writes a header at the start of @chunk0, the first bytes of chunk 0 (at least
 * header_bytes, as many as the caller is going to write), and zeros behind it.
 */
void encode(const Header &header, std::span<std::byte> chunk0);

/* What the first bytes of a COW device are. */
struct DecodedHeader {
	enum class Kind : uint8_t {
		/* The magic is 0, whatever follows: there is no store, one may be made. */
		blank,
		/* A store that this driver knows. */
		store,
		/* Something else, or damage: Error::magic_unknown. */
		magic_unknown,
		/* A store of another version: Error::version_unknown. */
		version_unknown,
	};

	Kind kind = Kind::blank;
	/* For Kind::store. */
	Header header = {};
	/* For Kind::store and Kind::version_unknown; as read. */
	uint32_t version = 0;
};

/*
 * The mark "valid" is any number but 0, as for the in-tree driver: a store that
 * one of the two drivers uses must not be an invalid one to the other.
 * Of an unknown version nothing but the number is trusted.
 */
DecodedHeader decode(std::span<const std::byte, header_bytes> bytes);

} // namespace dmsnap::format
