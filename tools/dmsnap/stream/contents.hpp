// SPDX-License-Identifier: GPL-2.0-only
/* What is on a volume that is about to be overwritten. */
#pragma once

#include <string>

#include "system/volume.hpp"

namespace dmsnap::tool {

/*
 * libblkid's description: 'ext4 (label "home")' or "a gpt partition table".  Empty if it knows
 * nothing.
 */
std::string known_contents(Volume &volume);

/*
 * The same, or else where the first byte is that is not zero.  Empty if libblkid knows nothing, and
 * the first and last MiB are zeros.
 */
std::string contents_of(Volume &volume);

/* Throws a Failure that says what is there, and mentions --overwrite. */
void require_nothing_on(Volume &volume);

} // namespace dmsnap::tool
