// SPDX-License-Identifier: GPL-2.0-only
/* Where the program keeps state between runs. */
#pragma once

#include <string>
#include <string_view>

namespace dmsnap::tool {

/* /var/lib/dmsnap, or the folder that systemd gives to a unit. */
std::string state_folder();
/* Creates the folder of @path.  Throws a Failure if it cannot. */
void make_folder_of(const std::string &path);
/*
 * Creates the file with this text, or replaces it; durable.  Does not follow a link, which somebody
 * else may have put there.
 */
void write_whole(const std::string &path, std::string_view text);

} // namespace dmsnap::tool
