// SPDX-License-Identifier: GPL-2.0-only
/*
 * FileLock: admits one program at a time, while it exists.  Only root can open the file,
 * otherwise any user could hold the lock.
 */
#pragma once

#include <string>

namespace dmsnap::tool {

class FileLock {
public:
	enum class Busy { wait, refuse };

	/* Throws a Failure if it is held and not waited for: "@who is at work". */
	FileLock(const std::string &path, Busy busy, const std::string &who);
	~FileLock();
	FileLock(const FileLock &) = delete;
	FileLock &operator=(const FileLock &) = delete;

	/* Of the file, for what its holder writes to it. */
	int descriptor() const { return file_; }

private:
	int file_;
};

} // namespace dmsnap::tool
