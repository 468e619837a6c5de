// SPDX-License-Identifier: GPL-2.0-only
#include "cli/text_width.hpp"

#include <cwchar>

namespace dmsnap::tool {
namespace {

struct Part {
	size_t bytes;
	size_t columns;
};

/* The longest prefix that fits into @columns_max; an invalid byte takes one column. */
Part part_of(const std::string &text, size_t columns_max)
{
	Part part{};
	std::mbstate_t state{};
	while (part.bytes < text.size()) {
		wchar_t letter = 0;
		size_t bytes = std::mbrtowc(&letter, text.data() + part.bytes,
					    text.size() - part.bytes, &state);
		int columns = 1;
		if (bytes == 0 || bytes > text.size()) {
			bytes = 1;
			state = {};
		} else {
			columns = wcwidth(letter);
		}
		size_t more = columns < 0 ? 1 : static_cast<size_t>(columns);
		if (more > columns_max - part.columns)
			break;
		part.bytes += bytes;
		part.columns += more;
	}
	return part;
}

} // namespace

size_t text_width(const std::string &text)
{
	return part_of(text, text.max_size()).columns;
}

std::string cut_to_width(const std::string &text, size_t most)
{
	return text.substr(0, part_of(text, most).bytes);
}

} // namespace dmsnap::tool
