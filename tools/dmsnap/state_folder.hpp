// SPDX-License-Identifier: GPL-2.0-only
/* Where the program keeps what it has to know the next time. */
#pragma once

#include <string>
#include <string_view>

namespace dmsnap::tool {

/* /var/lib/dmsnap, or what systemd gives a unit in its place. */
std::string state_folder();
/* Throws a Failure if it is not there and cannot be made. */
void make_folder_of(const std::string &path);
/* The file comes to be with this text, or has it in the place of what it had; durable. */
void write_whole(const std::string &path, std::string_view text);

} // namespace dmsnap::tool
