// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <string_view>

namespace dmsnap::tool {

/*
 * Text of others for a terminal: one line, in UTF-8.  Control characters, which could
 * command the terminal, and bytes that are no UTF-8 are written as "\x1b".
 */
std::string printable(std::string_view text);

} // namespace dmsnap::tool
