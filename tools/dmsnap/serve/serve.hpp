// SPDX-License-Identifier: GPL-2.0-only
/* dmsnap serve: its options. */
#pragma once

#include <string>

#include "cli/commands.hpp"

namespace dmsnap::tool {

struct ServeOptions {
	StoreOptions store;
	/* The path of the socket to make. */
	std::string socket;
};
ExitCode serve(const ServeOptions &options);

} // namespace dmsnap::tool
