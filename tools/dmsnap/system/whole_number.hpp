// SPDX-License-Identifier: GPL-2.0-only
/* A number in another program's text: decimal digits and nothing else. */
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace dmsnap::tool {

inline std::optional<uint64_t> whole_number(std::string_view text)
{
	uint64_t value = 0;
	auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
	if (error != std::errc{} || end != text.data() + text.size())
		return {};
	return value;
}

} // namespace dmsnap::tool
