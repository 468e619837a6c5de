// SPDX-License-Identifier: GPL-2.0-only
/* Where the program keeps its state between runs. */
#pragma once

#include <string>
#include <string_view>

namespace dmsnap::tool {

/* /var/lib/dmsnap, or the folder that systemd gives a unit. */
std::string state_folder();
/* Throws a Failure if it does not exist and cannot be created. */
void make_folder_of(const std::string &path);
/*
 * Creates the file with this text, or replaces it; durable.  Not through a link, which somebody
 * else may have put there.
 */
void write_whole(const std::string &path, std::string_view text);

} // namespace dmsnap::tool
