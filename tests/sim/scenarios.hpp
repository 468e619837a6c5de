// SPDX-License-Identifier: GPL-2.0-only
/*
 * Scenarios: what must hold in one known situation, each in its own world and
 * process.  Most check that something ends in bounded time while a COW device hangs
 * that it does not need: the isolation of snapshots from each other.
 */
#pragma once

#include <string>
#include <vector>

namespace dmsnap::sim {

/* Their names. */
std::vector<std::string> scenarios();

/* Runs it in this process, which exits with a message if something is wrong. */
void run_scenario(const std::string &name, bool trace);

} // namespace dmsnap::sim
