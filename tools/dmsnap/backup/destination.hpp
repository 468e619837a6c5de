// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the files of a backup go, according to a Config: to a folder, to one on another machine
 * through ssh, or to a command.
 */
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "backup/config.hpp"
#include "system/child.hpp"
#include "system/new_file.hpp"

namespace dmsnap::tool {

/* "ssh backup:/srv".  After a change of the destination the next backup is a full one. */
std::string destination_text(const Config &config);

/* A file that is being written.  Without end() it never gets its name, or the command is killed. */
class Upload {
public:
	/* All of these throw a Failure. */
	Upload(const Config &config, const std::string &file, const char *kind);
	~Upload();
	Upload(const Upload &) = delete;
	Upload &operator=(const Upload &) = delete;

	int descriptor() const { return child_ ? child_->descriptor() : descriptor_; }
	/* After a failed write: throws the command's exit status if it has ended. */
	void explain();
	/* Makes the file durable and names it, or waits until the command has accepted it. */
	void end();

private:
	const Config &config_;
	const std::string file_;
	std::optional<NewFile> new_;
	int descriptor_ = -1;
	std::optional<Child> child_;
};

/* A file that is read back. */
class Download {
public:
	Download(const Config &config, const std::string &file, const char *kind);
	~Download();
	Download(const Download &) = delete;
	Download &operator=(const Download &) = delete;

	int descriptor() const { return child_ ? child_->descriptor() : descriptor_; }
	void end();

private:
	const std::string file_;
	int descriptor_ = -1;
	std::optional<Child> child_;
};

/*
 * Removes the file and what a killed upload left of it.  What a command received stays.  The caller
 * holds the lock of the backups.
 */
void remove_file(const Config &config, const std::string &file);

} // namespace dmsnap::tool
