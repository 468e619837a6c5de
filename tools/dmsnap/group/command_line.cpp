// SPDX-License-Identifier: GPL-2.0-only
/* The options of "dmsnap create". */
#include <CLI/CLI.hpp>

#include "cli/units.hpp"
#include "group/commands.hpp"

namespace dmsnap::tool {

void GroupCommand::add(const Add &add_command)
{
	GroupOptions &options = options_;
	CLI::App *command = add_command("create",
					"Take snapshots of several volumes at the same moment",
					[&options] { return create_group(options); });
	auto not_empty = [](const std::string &text) {
		return text.empty() ? std::string("a name is empty") : std::string();
	};
	command->add_option("volumes", options.volumes, "Logical volumes: vg/lv")
		->required()
		->check(not_empty)
		->type_name("VOLUME");
	command->add_option("--group", options.group,
			    "Name of the group: the snapshot of vg/lv is vg/lv-GROUP")
		->required()
		->type_name("GROUP");
	command->add_option("--size", options.size,
			    "Room for the changes of each: a size, or a percentage of the volume "
			    "(default 20%)")
		->check(not_empty)
		->type_name("SIZE");
	command->add_option_function<std::string>(
		       "--limit",
		       [&options](const std::string &text) {
			       options.limit_seconds = parse_seconds(text);
		       },
		       "Let writers wait for at most this time, or make no group (default 10s)")
		->type_name("TIME");
	command->add_option(
		       "--before", options.before,
		       "Run this before the volumes are suspended, to quiesce a database for example")
		->type_name("COMMAND");
	command->add_option("--after", options.after,
			    "Run this afterwards, even if no group was made")
		->type_name("COMMAND");
	command->add_flag("--json", options.json, "Print JSON");
}

} // namespace dmsnap::tool
