// SPDX-License-Identifier: GPL-2.0-only
/*
 * Retention: which snapshots of a volume are kept.
 *
 * Of each of the last hours with snapshots the youngest snapshot is kept; likewise of days, and of
 * weeks, which begin on Monday.  Hours without a snapshot do not count, so a gap removes nothing.
 * Times are UTC.
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
 * For each of @times, in seconds and in any order: why it is kept ("hourly, weekly"), or an empty
 * text if it is removed.  The youngest is always kept.
 */
std::vector<std::string> kept(std::span<const int64_t> times, const Retention &retention);

/* "20261129T221000Z", and back. */
std::string stamp_of(int64_t time);
std::optional<int64_t> time_of(const std::string &stamp);

} // namespace dmsnap::tool
