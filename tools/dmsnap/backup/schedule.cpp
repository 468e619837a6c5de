// SPDX-License-Identifier: GPL-2.0-only
#include "backup/schedule.hpp"

namespace dmsnap::tool {
namespace {

std::string not_empty(const std::string &text)
{
	return text.empty() ? "a name is empty" : "";
}

} // namespace

CLI::App *ScheduleCommands::add_one(const Add &add, const char *name, const char *what,
				    ScheduleOptions &options, const std::function<ExitCode()> &run)
{
	CLI::App *command = add(name, what, run);
	command->add_option("name", options.name, "As in /etc/dmsnap/NAME.conf")
		->required()
		->check(not_empty)
		->type_name("CONFIG");
	command->add_option("--config", options.config, "Read this file instead")
		->check(not_empty)
		->type_name("FILE");
	return command;
}

void ScheduleCommands::add(const Add &add)
{
	add_one(add, "rotate", "Make a snapshot on a schedule, and remove expired ones", rotate_,
		[this] { return rotate(rotate_); })
		->add_flag("--json", rotate_.json, "Print JSON");

	CLI::App *command = add_one(add, "prune", "Remove the expired snapshots of a schedule",
				    prune_, [this] { return prune(prune_); });
	command->add_flag("--dry-run", prune_.dry_run,
			  "Say what would be removed, and remove nothing");
	command->add_flag("--json", prune_.json, "Print JSON");

	add_one(add, "extend", "Extend the snapshots of a schedule when they fill", extend_,
		[this] { return extend(extend_); });

	command = add_one(add, "backup", "Back up a volume: all of it, then what has changed",
			  backup_.schedule, [this] { return backup(backup_); });
	auto *full = command->add_flag("--full", backup_.full,
				       "Back up all of the volume, even if an "
				       "increment were enough");
	auto *verify =
		command->add_flag("--verify", backup_.verify, "Make no backup; verify all of them")
			->excludes(full);
	auto *list = command->add_flag("--list", backup_.list, "Make no backup; list all of them")
			     ->excludes(full)
			     ->excludes(verify);
	auto *restore =
		command->add_option("--restore", backup_.restore,
				    "Make no backup; restore the last one to this device or "
				    "image file")
			->check(not_empty)
			->type_name("TARGET")
			->excludes(full)
			->excludes(verify)
			->excludes(list);
	command->add_option("--at", backup_.at,
			    "Restore the backup of this number, or the last one up to this time, "
			    "like 20261129T221000Z")
		->check(not_empty)
		->type_name("WHEN")
		->needs(restore);
	command->add_flag("--overwrite", backup_.overwrite, "Overwrite what the target holds")
		->needs(restore);
	command->add_flag("--json", backup_.schedule.json, "Print JSON");
}

} // namespace dmsnap::tool
