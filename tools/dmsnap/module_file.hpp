// SPDX-License-Identifier: GPL-2.0-only
/* The module that modprobe would take, found and read by libkmod as modprobe does. */
#pragma once

#include <optional>
#include <string>

#include "installation.hpp"

namespace dmsnap::tool {

/* @modules: the folder of a kernel's modules. */
std::optional<ModuleFile> find_module(const std::string &modules, const char *name);

} // namespace dmsnap::tool
