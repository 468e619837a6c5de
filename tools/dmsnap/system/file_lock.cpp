// SPDX-License-Identifier: GPL-2.0-only
#include "system/file_lock.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "system/failure.hpp"
#include "system/needs_root.hpp"
#include "system/state_folder.hpp"

namespace dmsnap::tool {

FileLock::FileLock(const std::string &path, Busy busy, const std::string &who)
{
	make_folder_of(path);
	file_ = open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file_ < 0)
		throw Failure(fmt::format("{}: {}: {}", path,
					  needs_root(errno) ? "must be root to lock it"
							    : "cannot be locked",
					  std::strerror(errno)));
	while (flock(file_, LOCK_EX | (busy == Busy::refuse ? LOCK_NB : 0)) != 0) {
		int error = errno;
		if (error == EINTR)
			continue;
		close(file_);
		throw Failure(error == EWOULDBLOCK ? who + " is at work already"
						   : fmt::format("{}: cannot be locked: {}", path,
								 std::strerror(error)));
	}
}

FileLock::~FileLock()
{
	close(file_);
}

} // namespace dmsnap::tool
