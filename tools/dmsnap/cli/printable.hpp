// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <string_view>

namespace dmsnap::tool {

/*
 * Makes foreign text safe for a terminal: one line of UTF-8.  Control characters, and bytes that
 * are not UTF-8, become "\x1b".
 */
std::string printable(std::string_view text);

} // namespace dmsnap::tool
