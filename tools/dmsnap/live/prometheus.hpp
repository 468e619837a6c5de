// SPDX-License-Identifier: GPL-2.0-only
/*
 * Metrics of snapshots in Prometheus' text format, for node_exporter's textfile collector: base
 * units (bytes, seconds), "_total" for counters, and "_info" for text.
 */
#pragma once

#include <optional>
#include <span>
#include <string>

#include "live/live_snapshot.hpp"
#include "live/snapshot_stats.hpp"

namespace dmsnap::tool {

struct Observed {
	LiveSnapshot snapshot;
	/* None if the driver has no statistics. */
	std::optional<SnapshotStats> stats;
};

std::string prometheus_text(std::span<const Observed> all);

} // namespace dmsnap::tool
