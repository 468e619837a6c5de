// SPDX-License-Identifier: GPL-2.0-only
#include "cli/printable.hpp"

#include <cstdint>

#include <fmt/format.h>

namespace dmsnap::tool {
namespace {

/* The length of @text's first character; 0 if it is not printable. */
size_t shown_length(std::string_view text)
{
	struct Form {
		uint8_t mask, lead;
		uint32_t first;
	};
	/* By the number of bytes; @first: the smallest value without a shorter form. */
	constexpr Form forms[] = {
		{0x80, 0, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
	constexpr uint32_t space = 0x20, del = 0x7f, c1_end = 0xa0, last = 0x10ffff;
	constexpr uint32_t surrogates = 0xd800, surrogates_end = 0xe000;
	auto lead = static_cast<uint8_t>(text[0]);

	for (size_t length = 1; const Form &form : forms) {
		if ((lead & form.mask) == form.lead && length <= text.size()) {
			uint32_t code = lead & static_cast<uint8_t>(~form.mask);
			for (char byte : text.substr(1, length - 1)) {
				if ((static_cast<uint8_t>(byte) & 0xc0) != 0x80)
					return 0;
				code = code << 6 | (static_cast<uint8_t>(byte) & 0x3f);
			}
			bool control = code < space || (code >= del && code < c1_end);
			bool no_character = code < form.first || code > last ||
					    (code >= surrogates && code < surrogates_end);
			return control || no_character ? 0 : length;
		}
		length++;
	}
	return 0;
}

} // namespace

std::string printable(std::string_view text)
{
	std::string shown;
	while (!text.empty()) {
		size_t length = shown_length(text);
		if (length)
			shown += text.substr(0, length);
		else
			shown += fmt::format("\\x{:02x}", static_cast<uint8_t>(text[0]));
		text.remove_prefix(length ? length : 1);
	}
	return shown;
}

} // namespace dmsnap::tool
