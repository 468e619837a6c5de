// SPDX-License-Identifier: GPL-2.0-only
/*
 * The header of a store, in chunk 0 of the COW device: decoding and encoding. chunk_size.hpp
 * checks whether its chunk size suits the devices.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "format/little_endian.hpp"

namespace dmsnap::format {

/* "SnAp" on disk. */
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
	/* As read, unchecked. */
	uint32_t chunk_sectors = 0;
};

/*
 * Writes a header to the start of @chunk0, and zeros to the rest.  @chunk0 is the part of chunk 0
 * that the caller will write, at least header_bytes.
 */
void encode(const Header &header, std::span<std::byte> chunk0);

/* The kind of content at the start of a COW device. */
struct DecodedHeader {
	enum class Kind : uint8_t {
		/* The magic is 0, whatever follows: there is no store, and one may be created. */
		blank,
		/* A store that this driver can use. */
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
 * Any number but 0 means valid, as for the in-tree driver: the two drivers must agree on which
 * stores are valid.  If the version is unknown, only the version number is used.
 */
DecodedHeader decode(std::span<const std::byte, header_bytes> bytes);

} // namespace dmsnap::format
