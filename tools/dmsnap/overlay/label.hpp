// SPDX-License-Identifier: GPL-2.0-only
/*
 * Label: the description of an overlay in the first 4096 bytes of its file; its COW device begins
 * behind them.  It is needed after a reboot; while an overlay is active, its devices have the same
 * information.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dmsnap::tool {

struct Label {
	static constexpr size_t bytes = 4096;

	/* "overlay-sdb" */
	std::string name;
	/* A persistent path if there is one: /dev/disk/by-id/... */
	std::string origin;
	uint64_t origin_bytes = 0;
	/* The checksum of its first and last MiB. */
	std::string origin_checksum;
	/* The size of the COW device. */
	uint64_t cow_bytes = 0;
	/* Was it writable before it was made read-only? */
	bool is_origin_writable = true;
	/* A merge has begun: the origin holds a mixture of old and new contents. */
	bool is_merge = false;
};

/* Label::bytes long.  Throws a Failure if a name is too long for that. */
std::vector<std::byte> to_bytes(const Label &label);
/* None if the bytes are no label. */
std::optional<Label> parse_label(std::span<const std::byte> bytes);

} // namespace dmsnap::tool
