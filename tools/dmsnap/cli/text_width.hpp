// SPDX-License-Identifier: GPL-2.0-only
/* How wide a text is on a terminal, in the encoding of the locale. */
#pragma once

#include <string>

namespace dmsnap::tool {

/* Columns that the text occupies. */
size_t text_width(const std::string &text);
/* The longest beginning of the text that fits into so many columns. */
std::string cut_to_width(const std::string &text, size_t most);

} // namespace dmsnap::tool
