// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <string_view>

namespace dmsnap::tool {

/*
 * Makes foreign text safe for a terminal: one line, in UTF-8.  Control characters, which could
 * control the terminal, and bytes that are not UTF-8 are written as "\x1b".
 */
std::string printable(std::string_view text);

} // namespace dmsnap::tool
