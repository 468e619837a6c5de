// SPDX-License-Identifier: GPL-2.0-only
/*
 * The form of "dmsnap dump --for-restore": lines of words and decimal numbers.
 *
 *	dmsnap-dump 1
 *	sectors N           of the COW device
 *	magic N  valid N  version N  chunk-sectors N      each on a line
 *	area N              the following is in this area, from its entry 0 on;
 *	                    the rest of it is zero
 *	entry N             the following begins at this entry
 *	run OLD NEW COUNT   entries whose chunks follow each other
 *	bytes OFFSET HEX    anything else, at a byte of the device
 *	end
 */
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace dmsnap::tool {

constexpr std::string_view dump_first_line = "dmsnap-dump 1";
constexpr std::string_view dump_last_line = "end";
/* In one line. */
constexpr size_t dump_row_bytes = 64;

inline std::string to_hex(std::span<const std::byte> bytes)
{
	constexpr std::string_view digits = "0123456789abcdef";
	std::string text;
	for (std::byte byte : bytes) {
		text += digits[std::to_integer<unsigned int>(byte >> 4)];
		text += digits[std::to_integer<unsigned int>(byte & std::byte{15})];
	}
	return text;
}

} // namespace dmsnap::tool
