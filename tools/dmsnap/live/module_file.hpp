// SPDX-License-Identifier: GPL-2.0-only
/* The module that modprobe would load, found and read by libkmod as in modprobe. */
#pragma once

#include <optional>
#include <string>

#include "live/installation.hpp"

namespace dmsnap::tool {

/*
 * @modules: the folder of a kernel's modules.  Read in a separate process, for at
 * most 10 s: libkmod trusts the files that depmod makes.  Throws a Failure if that fails.
 */
std::optional<ModuleFile> find_module(const std::string &modules, const char *name);

} // namespace dmsnap::tool
