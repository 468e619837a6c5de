// SPDX-License-Identifier: GPL-2.0-only
/*
 * JSON of live snapshots.  Its names are promised to whoever watches a machine
 * (Documentation/man/dmsnap-status.8.rst): new ones may come, none changes.
 */
#pragma once

#include <span>
#include <string>

#include "live/live_snapshot.hpp"
#include "live/trend.hpp"

namespace dmsnap::tool {

/* {"snapshots": [...], "above_warning": ..., "bad": ...}, of several lines. */
std::string status_json(std::span<const LiveSnapshot> snapshots, uint64_t bad,
			uint64_t above_warning);
/* One line: what was seen at this time, in seconds since 1970. */
std::string top_json(std::span<const TrendRow> rows, double unix_seconds);
/* One line: the result of a wait. */
std::string wait_json(const std::string &name, const std::string &result, const std::string &why,
		      const std::optional<LiveSnapshot> &snapshot);

} // namespace dmsnap::tool
