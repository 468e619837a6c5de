// SPDX-License-Identifier: GPL-2.0-only
#include "cli/option_words.hpp"

#include <fmt/format.h>

#include "cli/units.hpp"

namespace dmsnap::tool {

std::string not_empty(const std::string &text)
{
	return text.empty() ? "a name is empty" : "";
}

std::string not_negative(const std::string &text)
{
	return text.starts_with('-') ? fmt::format("\"{}\" is negative", text) : "";
}

CLI::Option *add_json(CLI::App *command, bool &json)
{
	return command->add_flag("--json", json, "Print JSON");
}

CLI::Option *add_size(CLI::App *command, const char *name, const char *what,
		      const std::function<void(uint64_t)> &take)
{
	return command
		->add_option_function<std::string>(
			name, [take](const std::string &text) { take(parse_size(text)); }, what)
		->type_name("SIZE");
}

void add_memory(CLI::App *command, size_t &bytes)
{
	add_size(command, "--memory", "Limit the memory for sets of chunks (default 256M)",
		 [&bytes](uint64_t size) { bytes = size; });
}

CLI::Option *add_store(CLI::App *command, StoreOptions &options, const char *what)
{
	add_memory(command, options.memory_bytes);
	return command->add_option("store", options.store, what)
		->required()
		->check(not_empty)
		->type_name("STORE");
}

void add_origin(CLI::App *command, StoreOptions &options)
{
	auto *origin = command->add_option("--origin", options.origin,
					   "Check against this origin: its size and blocks")
			       ->check(not_empty)
			       ->type_name("ORIGIN");
	add_size(command, "--origin-size", "Check against an origin of this size",
		 [&options](uint64_t size) { options.origin_bytes = size; })
		->excludes(origin);
}

void add_names(CLI::App *command, std::vector<std::string> &names)
{
	command->add_option("names", names,
			    "Only these: vg-snap, vg/snap or /dev/vg/snap; of a merge, "
			    "the volume")
		->type_name("NAME");
}

} // namespace dmsnap::tool
