// SPDX-License-Identifier: GPL-2.0-only
/* The module that modprobe would load, according to libkmod. */
#pragma once

#include <optional>
#include <string>

#include "live/installation.hpp"

namespace dmsnap::tool {

/*
 * @modules: the folder with a kernel's modules.  A separate process reads it, for at most 10 s,
 * because libkmod trusts the files that depmod makes.  Throws a Failure if that fails.
 */
std::optional<ModuleFile> find_module(const std::string &modules, const char *name);

} // namespace dmsnap::tool
