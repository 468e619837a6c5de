// SPDX-License-Identifier: GPL-2.0-only
/* A finding as a line of text. */
#pragma once

#include <string>

#include "store/finding.hpp"

namespace dmsnap::tool {

std::string to_text(const Finding &finding);

} // namespace dmsnap::tool
