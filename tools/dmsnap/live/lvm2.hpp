// SPDX-License-Identifier: GPL-2.0-only
/* Facts that LVM2 knows and device mapper does not. */
#pragma once

#include <string>

namespace dmsnap::tool {

/* Not programs of another folder; and cron's PATH, for example, has no /usr/sbin. */
constexpr const char *lvm2_path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
/* "/usr/sbin/lvs"; empty: it is not there. */
std::string lvm2_program(const std::string &name);

/*
 * Is a snapshot being merged into the volume, or pending because it was in use, for the
 * next activation?  Runs lvs; throws a Failure if that fails.  @lvs: a substitute for tests.
 */
bool is_to_be_merged(const std::string &volume_path, const std::string &lvs = {});

} // namespace dmsnap::tool
