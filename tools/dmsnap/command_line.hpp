// SPDX-License-Identifier: GPL-2.0-only
/* The command line: words to options, and the command that was asked for. */
#pragma once

#include "failure.hpp"

namespace dmsnap::tool {

ExitCode run_command_line(int argc, char **argv);

} // namespace dmsnap::tool
