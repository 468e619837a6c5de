// SPDX-License-Identifier: GPL-2.0-only
/*
 * Config: the settings for snapshots and backups of one volume in /etc/dmsnap/NAME.conf.
 * Lines "key = value", and comments that begin with #; the keys are those of
 * dmsnap.conf(5).
 */
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "backup/retention.hpp"

namespace dmsnap::tool {

/* A size in bytes, or a percentage of the origin's size. */
struct Amount {
	uint64_t bytes = 0;
	unsigned int percent = 0;
};

struct Config {
	std::string name;
	/* The origin. */
	std::string vg, lv;
	Amount size;
	Retention keep;
	/* Shell commands; empty: none. */
	std::string before, after;
	std::optional<unsigned int> low_water;
	std::optional<Amount> extend_by;

	/* At most one of these: a folder, "host:folder", a command. */
	std::string backup_directory, backup_ssh, backup_command;
	/* Writes what backup_command received to standard output. */
	std::string restore_command;
	/* zstd's compression level; 0: uncompressed. */
	int compress = 3;
	/* A full backup after this many files; none: only when an increment is impossible. */
	std::optional<unsigned int> full_every;
	/* How many full backups to keep; none: all. */
	std::optional<unsigned int> keep_fulls;

	std::string volume() const { return vg + "/" + lv; }
};

/*
 * @path: the file; empty: /etc/dmsnap/NAME.conf.  Throws a Failure that names the line; also if
 * others than the owner could write to the file, because it has commands.
 */
Config read_config(const std::string &name, const std::string &path);

/* The names that have a file in /etc/dmsnap. */
std::vector<std::string> config_names();

} // namespace dmsnap::tool
