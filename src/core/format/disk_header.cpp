// SPDX-License-Identifier: GPL-2.0-only
/* The header of a store: see disk_header.hpp. */
#include "format/disk_header.hpp"

#include "base/assert.hpp"

namespace dmsnap::format {

void encode(const Header &header, std::span<std::byte> chunk0)
{
	if (chunk0.size() < header_bytes) {
		DMSNAP_ASSERT(chunk0.size() >= header_bytes);
		return;
	}
	const DiskHeader disk{
		.magic = le32{header_magic},
		.valid = le32{header.valid},
		.version = le32{header_version},
		.chunk_size = le32{header.chunk_sectors},
	};
	__builtin_memcpy(chunk0.data(), &disk, header_bytes);
	__builtin_memset(chunk0.data() + header_bytes, 0, chunk0.size() - header_bytes);
}

DecodedHeader decode(std::span<const std::byte, header_bytes> bytes)
{
	using Kind = DecodedHeader::Kind;

	DiskHeader disk;
	__builtin_memcpy(&disk, bytes.data(), header_bytes);

	if (disk.magic.get() == 0)
		return {.kind = Kind::blank};
	if (disk.magic.get() != header_magic)
		return {.kind = Kind::magic_unknown};
	if (disk.version.get() != header_version)
		return {.kind = Kind::version_unknown, .version = disk.version.get()};
	return {
		.kind = Kind::store,
		.header = {.valid = disk.valid.get() != 0, .chunk_sectors = disk.chunk_size.get()},
		.version = disk.version.get(),
	};
}

} // namespace dmsnap::format
