// SPDX-License-Identifier: GPL-2.0-only
/*
 * Scenarios: known situations, each in its own world and process.  Most check the isolation
 * of snapshots: an operation must end in bounded time while a COW device hangs that it does
 * not need.
 */
#pragma once

#include <string>
#include <vector>

namespace dmsnap::sim {

/* The names of all scenarios. */
std::vector<std::string> scenarios();

/* Runs in this process, which exits with a message if something is wrong. */
void run_scenario(const std::string &name, bool trace);

} // namespace dmsnap::sim
