// SPDX-License-Identifier: GPL-2.0-only
/* Completion scripts for shells, made of the commands and options themselves. */
#pragma once

#include <string>

namespace CLI {
class App;
} // namespace CLI

namespace dmsnap::tool {

/*
 * @shell: bash, zsh or fish; or "snapshots", which the scripts use: the names of
 * those of this machine.  Throws a Failure for another.
 */
std::string completion_script(const CLI::App &app, const std::string &shell);

} // namespace dmsnap::tool
