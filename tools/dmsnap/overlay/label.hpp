// SPDX-License-Identifier: GPL-2.0-only
/*
 * Label: what the file of an overlay says of itself, in its first 4096 bytes; its COW device
 * begins behind them.  It is for the time after a restart, when nothing else is left: while an
 * overlay is active its devices tell.
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
	/* A path that outlives a restart, where there is one: /dev/disk/by-id/... */
	std::string origin;
	uint64_t origin_bytes = 0;
	/* Of its first and its last MiB. */
	std::string origin_checksum;
	/* Of the COW device. */
	uint64_t cow_bytes = 0;
	/* Before it was made read-only. */
	bool is_origin_writable = true;
	/* A merge was begun: the origin is neither what it was nor what it is to be. */
	bool is_merge = false;
};

/* Label::bytes long; throws a Failure if a name is too long for that. */
std::vector<std::byte> to_bytes(const Label &label);
/* None: that is no label. */
std::optional<Label> parse_label(std::span<const std::byte> bytes);

} // namespace dmsnap::tool
