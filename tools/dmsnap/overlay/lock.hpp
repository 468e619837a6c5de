// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "system/file_lock.hpp"

namespace dmsnap::tool {

/* One command at a time changes overlays; another one waits for it.  Throws a Failure. */
FileLock lock_overlays();

} // namespace dmsnap::tool
