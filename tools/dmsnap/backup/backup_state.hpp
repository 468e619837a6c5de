// SPDX-License-Identifier: GPL-2.0-only
/*
 * BackupState: the state of the backups of a volume, /var/lib/dmsnap/NAME.json.
 *
 * It is replaced as a whole, and durable before anything relies on it:
 *
 *	step                                        if it ends here, the next run
 *	1. the next file is put on "unfinished"     removes the file, if there is one
 *	2. the snapshot is made                     removes the snapshot, too
 *	3. the file is written                      the same
 *	4. the file goes to "files", the snapshot   removes the snapshot that was "base"
 *	   becomes the base
 *	5. the old base is removed
 */
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backup/config.hpp"

namespace dmsnap::tool {

struct BackupFile {
	std::string file;
	uint64_t number = 0;
	bool full = false;
	/* The time of its snapshot. */
	int64_t time = 0;
	uint64_t volume_bytes = 0;
	/* As stored; the checksum is hexadecimal. */
	uint64_t bytes = 0;
	std::string checksum;

	const char *kind() const { return full ? "full" : "increment"; }
};

struct BackupState {
	/* Empty if there is no file.  Throws a Failure if it cannot be read. */
	static BackupState load(const Config &config);
	void save(const Config &config) const;

	/* Where the files are. */
	std::string destination;
	/* The last number that was assigned. */
	uint64_t number = 0;
	/* The snapshot that the last file shows, and its LVM2 UUID. */
	std::string base, base_uuid;
	/* Oldest first: a full backup, its increments, the next full backup, and so on. */
	std::vector<BackupFile> files;
	/* Files to remove. */
	std::vector<std::string> unfinished;
	std::string unfinished_at;

	/* The index in files where the last chain begins. */
	size_t last_full() const;
};

std::string backup_lock_path(const Config &config);

} // namespace dmsnap::tool
