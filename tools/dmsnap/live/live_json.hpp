// SPDX-License-Identifier: GPL-2.0-only
/*
 * JSON of live snapshots.  Monitoring relies on its names
 * (Documentation/man/dmsnap-status.8.rst): new ones may be added, but none may change.
 */
#pragma once

#include <span>
#include <string>

#include "live/live_snapshot.hpp"
#include "live/trend.hpp"

namespace dmsnap::tool {

/* {"snapshots": [...], "above_warning": ..., "bad": ...}, in several lines. */
std::string status_json(std::span<const LiveSnapshot> snapshots, uint64_t bad,
			uint64_t above_warning);
/* One line: the state at this time, in seconds since 1970. */
std::string top_json(std::span<const TrendRow> rows, double unix_seconds);
/* One line: the result of a wait. */
std::string wait_json(const std::string &name, const std::string &result, const std::string &why,
		      const std::optional<LiveSnapshot> &snapshot);

} // namespace dmsnap::tool
