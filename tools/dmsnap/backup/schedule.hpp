// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands for the snapshots and backups of the volume in /etc/dmsnap/NAME.conf: the options of
 * each, and the function that runs it.
 */
#pragma once

#include <functional>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "system/failure.hpp"

namespace dmsnap::tool {

struct ScheduleOptions {
	std::string name;
	/* A file to use instead of /etc/dmsnap/NAME.conf. */
	std::string config;
	/* For prune: only report. */
	bool dry_run = false;
	bool json = false;
};
/* Makes a snapshot, and removes expired ones. */
ExitCode rotate(const ScheduleOptions &options);
/* Removes snapshots without making one. */
ExitCode prune(const ScheduleOptions &options);
/* Extends snapshots that fill up, until a signal comes. */
ExitCode extend(const ScheduleOptions &options);

struct BackupOptions {
	ScheduleOptions schedule;
	/* Make a full backup. */
	bool full = false;
	/* Instead of a backup: verify all files, list them, or restore to a target. */
	bool verify = false;
	bool list = false;
	std::string restore;
	/* Not the last backup but that of this time, "20261129T221000Z", or number. */
	std::string at;
	/* The target may be overwritten. */
	bool overwrite = false;
};
ExitCode backup(const BackupOptions &options);

/* Their options on the command line. */
class ScheduleCommands {
public:
	using Add = std::function<CLI::App *(const char *name, const char *what,
					     const std::function<ExitCode()> &run)>;

	void add(const Add &add);

private:
	CLI::App *add_one(const Add &add, const char *name, const char *what,
			  ScheduleOptions &options, const std::function<ExitCode()> &run);

	ScheduleOptions rotate_, prune_, extend_;
	BackupOptions backup_;
};

} // namespace dmsnap::tool
