// SPDX-License-Identifier: GPL-2.0-only
#include "store/image_lock.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>

namespace dmsnap::tool {
namespace {

constexpr off_t somebody_writes = 101, no_writers_please = 201;

struct flock lock_of(short type, off_t start, off_t length)
{
	struct flock lock = {};
	lock.l_type = type;
	lock.l_whence = SEEK_SET;
	lock.l_start = start;
	/* 0: up to the end of the file, wherever it is. */
	lock.l_len = length;
	return lock;
}

/* Returns true if no other process has a conflicting lock. */
bool is_free(int descriptor, struct flock lock)
{
	return fcntl(descriptor, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK;
}

bool take(int descriptor, struct flock lock)
{
	return fcntl(descriptor, F_OFD_SETLK, &lock) == 0 || (errno != EAGAIN && errno != EACCES);
}

} // namespace

bool lock_image(int descriptor, bool to_write)
{
	if (flock(descriptor, (to_write ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0 &&
	    errno == EWOULDBLOCK)
		return false;
	if (to_write)
		return take(descriptor, lock_of(F_WRLCK, 0, 0));
	return take(descriptor, lock_of(F_RDLCK, no_writers_please, 1)) &&
	       is_free(descriptor, lock_of(F_RDLCK, 0, 0)) &&
	       is_free(descriptor, lock_of(F_WRLCK, somebody_writes, 1));
}

} // namespace dmsnap::tool
