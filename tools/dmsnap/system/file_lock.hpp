// SPDX-License-Identifier: GPL-2.0-only
/*
 * FileLock: a lock that one program at a time can have.  Only root can open the file, or any user
 * could hold the lock.
 */
#pragma once

#include <string>

namespace dmsnap::tool {

class FileLock {
public:
	enum class Busy { wait, refuse };

	/* @busy: what to do if the lock is taken; refuse throws a Failure "@who is at work". */
	FileLock(const std::string &path, Busy busy, const std::string &who);
	~FileLock();
	FileLock(const FileLock &) = delete;
	FileLock &operator=(const FileLock &) = delete;

	/* The file, for what the holder writes to it. */
	int descriptor() const { return file_; }

private:
	int file_;
};

} // namespace dmsnap::tool
