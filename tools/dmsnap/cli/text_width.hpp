// SPDX-License-Identifier: GPL-2.0-only
/* The width of text on a terminal, in the encoding of the locale. */
#pragma once

#include <string>

namespace dmsnap::tool {

/* The columns that the text takes. */
size_t text_width(const std::string &text);
/* The longest prefix of the text that fits into @most columns. */
std::string cut_to_width(const std::string &text, size_t most);

} // namespace dmsnap::tool
