// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the files of a backup are: in a folder, in one on another machine through ssh,
 * or behind a command, according to a Config.
 */
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "backup/config.hpp"
#include "system/child.hpp"
#include "system/new_file.hpp"

namespace dmsnap::tool {

/* "ssh backup:/srv"; a backup that goes elsewhere begins with all of the volume. */
std::string destination_text(const Config &config);

/* A file being written there.  Unless end() is called it never gets its name, or the command is killed. */
class Upload {
public:
	/* All of these throw a Failure. */
	Upload(const Config &config, const std::string &file, const char *kind);
	~Upload();
	Upload(const Upload &) = delete;
	Upload &operator=(const Upload &) = delete;

	int descriptor() const { return child_ ? child_->descriptor() : descriptor_; }
	/* Writing has failed: throws the command's exit status, if it has ended. */
	void explain();
	/* Makes the file durable under its name, or waits until the command has accepted it. */
	void end();

private:
	const Config &config_;
	const std::string file_;
	std::optional<NewFile> new_;
	int descriptor_ = -1;
	std::optional<Child> child_;
};

/* A file being read back. */
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
 * Removes it, and what an upload that was killed left of it; data that a command received stays.
 * The caller has the lock of the backups.
 */
void remove_file(const Config &config, const std::string &file);

} // namespace dmsnap::tool
