// SPDX-License-Identifier: GPL-2.0-only
#include "overlay/lock.hpp"

namespace dmsnap::tool {

FileLock lock_overlays()
{
	/* A reboot empties this folder. */
	return {"/run/dmsnap-overlay", FileLock::Busy::wait, "another command"};
}

} // namespace dmsnap::tool
