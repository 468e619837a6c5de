// SPDX-License-Identifier: GPL-2.0-only
/* Which snapshots of a schedule to remove, and their removal. */
#pragma once

#include <string>
#include <vector>

#include "backup/event_log.hpp"
#include "backup/logical_volumes.hpp"

namespace dmsnap::tool {

struct Pruned {
	OwnSnapshot snapshot;
	/* "kept", "removed", "in use" */
	const char *action;
	/* "hourly, weekly", "is invalid" */
	std::string why;
};

/* The plan for each snapshot. */
std::vector<Pruned> plan_pruning(const Config &config, std::vector<OwnSnapshot> snapshots);
/* Throws a Failure if a snapshot that should be removed still exists. */
void remove_pruned(const Config &config, const std::vector<Pruned> &plan, const EventLog &log);

/* The path of the lock for making and removing snapshots of this volume. */
std::string schedule_lock_path(const Config &config);

} // namespace dmsnap::tool
