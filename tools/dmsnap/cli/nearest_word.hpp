// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dmsnap::tool {

/* Which of @words was probably meant by @word; empty if none is similar. */
std::string nearest_word(std::string_view word, const std::vector<std::string> &words);

} // namespace dmsnap::tool
