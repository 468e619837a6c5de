// SPDX-License-Identifier: GPL-2.0-only
/* Facts that LVM2 knows and device mapper does not. */
#pragma once

#include <string>
#include <vector>

namespace dmsnap::tool {

/*
 * LVM2's programs are those of the system, whatever PATH is: cron's, for example, has no
 * /usr/sbin.  These throw a Failure.
 */
std::string lvm2_program(const std::string &name);
/* What the program that the first word names prints. */
std::string lvm2_output(std::vector<std::string> words);

enum class Lvm2Says { always, if_it_fails };

/*
 * Runs that program to its end: a signal to all processes, as from the terminal or from systemd,
 * does not end it half way.  What it says goes to standard error.
 */
void lvm2_change(std::vector<std::string> words, Lvm2Says says);

/*
 * Is a snapshot being merged into the volume, or pending because it was in use, for the
 * next activation?  Runs lvs; throws a Failure if that fails.  @lvs: a substitute for tests.
 */
bool is_to_be_merged(const std::string &volume_path, const std::string &lvs = {});

} // namespace dmsnap::tool
