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
	/* Of the origin. */
	std::string vg, lv;
	Amount size;
	Retention keep;
	/* Shell commands; empty: none. */
	std::string before, after;
	std::optional<unsigned int> low_water;
	std::optional<Amount> extend_by;

	/* At most one of the three: a folder, "host:folder", a command. */
	std::string backup_directory, backup_ssh, backup_command;
	/* Writes to standard output what backup_command received. */
	std::string restore_command;
	/* zstd's compression level; 0: uncompressed. */
	int compress = 3;
	/* A full backup after so many files; none: only when an increment is impossible. */
	std::optional<unsigned int> full_every;
	/* None: all. */
	std::optional<unsigned int> keep_fulls;

	std::string volume() const { return vg + "/" + lv; }
};

/*
 * @path: of another file than /etc/dmsnap/NAME.conf; empty: that.  Throws a Failure that names
 * the line, also if others than the owner could write to the file, because it has commands.
 */
Config read_config(const std::string &name, const std::string &path);

/* The names that have a file in /etc/dmsnap. */
std::vector<std::string> config_names();

} // namespace dmsnap::tool
