// SPDX-License-Identifier: GPL-2.0-only
/* Completion scripts for shells, generated from the commands and options. */
#pragma once

#include <string>

namespace CLI {
class App;
} // namespace CLI

namespace dmsnap::tool {

/*
 * @shell: bash, zsh or fish; or "snapshots": the names of this machine's snapshots, for these
 * scripts.  Throws a Failure for another word.
 */
std::string completion_script(const CLI::App &app, const std::string &shell);

} // namespace dmsnap::tool
