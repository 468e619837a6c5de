// SPDX-License-Identifier: GPL-2.0-only
/*
 * Retention: which of the snapshots of a volume are kept.
 *
 * The youngest of each of the last hours that have any is kept; likewise for days and
 * weeks, which begin on Monday.  Hours without a snapshot do not count, so nothing is removed
 * because none was made for a while.  Times are UTC.
 */
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dmsnap::tool {

struct Retention {
	unsigned int hourly = 0;
	unsigned int daily = 0;
	unsigned int weekly = 0;

	bool keeps_any() const { return hourly || daily || weekly; }
};

/*
 * For each of @times, in seconds and in any order: "hourly, weekly"; empty: it is removed.  The
 * youngest of all is always kept.
 */
std::vector<std::string> kept(std::span<const int64_t> times, const Retention &retention);

/* "20261129T221000Z", and back. */
std::string stamp_of(int64_t time);
std::optional<int64_t> time_of(const std::string &stamp);

} // namespace dmsnap::tool
