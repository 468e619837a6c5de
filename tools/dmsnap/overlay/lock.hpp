// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "system/file_lock.hpp"

namespace dmsnap::tool {

/* One command at a time changes overlays; others wait.  Throws a Failure. */
FileLock lock_overlays();

} // namespace dmsnap::tool
