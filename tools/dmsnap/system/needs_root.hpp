// SPDX-License-Identifier: GPL-2.0-only
/* For messages: would this error not happen to root? */
#pragma once

#include <cerrno>

#include <unistd.h>

namespace dmsnap::tool {

inline bool needs_root(int error)
{
	return error == EACCES && geteuid() != 0;
}

} // namespace dmsnap::tool
