// SPDX-License-Identifier: GPL-2.0-only
/* Parses the command line and chooses the command. */
#pragma once

#include "system/failure.hpp"

namespace dmsnap::tool {

ExitCode run_command_line(int argc, char **argv);

} // namespace dmsnap::tool
