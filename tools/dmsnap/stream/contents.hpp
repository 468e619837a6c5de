// SPDX-License-Identifier: GPL-2.0-only
/* The contents of a volume that is about to be overwritten. */
#pragma once

#include <string>

#include "system/volume.hpp"

namespace dmsnap::tool {

/*
 * As libblkid knows it: 'ext4 (label "home")', "a gpt partition table"; or where it is not
 * zero.  Empty: nothing that libblkid knows, and zeros in its first and last MiB.
 */
std::string contents_of(Volume &volume);

/* Throws a Failure that says what is there, and mentions --overwrite. */
void require_nothing_on(Volume &volume);

} // namespace dmsnap::tool
