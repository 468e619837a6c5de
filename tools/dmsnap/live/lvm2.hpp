// SPDX-License-Identifier: GPL-2.0-only
/* What only LVM2 knows, and device mapper does not. */
#pragma once

#include <string>
#include <vector>

namespace dmsnap::tool {

/*
 * LVM2's programs are always those of the system.  PATH is ignored; cron's, for example, lacks
 * /usr/sbin.  These throw a Failure.
 */
std::string lvm2_program(const std::string &name);
/* Runs the program named by the first word; returns its output. */
std::string lvm2_output(std::vector<std::string> words);

enum class Lvm2Says { always, if_it_fails };

/*
 * Runs such a program to its end.  A signal to all processes, as from the terminal or systemd, does
 * not interrupt it.  Its output goes to standard error.
 */
void lvm2_change(std::vector<std::string> words, Lvm2Says says);

/*
 * Is a snapshot being merged into the volume, or will it be at the next activation because it was
 * in use?  Runs lvs; throws a Failure if that fails.  @lvs: a substitute for tests.
 */
bool is_to_be_merged(const std::string &volume_path, const std::string &lvs = {});

} // namespace dmsnap::tool
