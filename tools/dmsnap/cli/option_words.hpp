// SPDX-License-Identifier: GPL-2.0-only
/* Options and arguments that several commands share. */
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/commands.hpp"

namespace dmsnap::tool {

/* Adds a command: its name, what it does, and the function that runs it. */
using AddCommand = std::function<CLI::App *(const char *name, const char *what,
					    const std::function<ExitCode()> &run)>;

/* A check for names: an empty text comes from a variable that was not set. */
std::string not_empty(const std::string &text);
/* A check for whole numbers. */
std::string not_negative(const std::string &text);
CLI::Option *add_json(CLI::App *command, bool &json);
CLI::Option *add_size(CLI::App *command, const char *name, const char *what,
		      const std::function<void(uint64_t)> &take);
void add_memory(CLI::App *command, size_t &bytes);
/* Callers with an optional store drop "required". */
CLI::Option *add_store(CLI::App *command, StoreOptions &options,
		       const char *what = "COW device, or an image of one");
void add_origin(CLI::App *command, StoreOptions &options);
void add_names(CLI::App *command, std::vector<std::string> &names);

} // namespace dmsnap::tool
