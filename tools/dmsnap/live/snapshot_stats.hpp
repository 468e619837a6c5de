// SPDX-License-Identifier: GPL-2.0-only
/* SnapshotStats: what dmsnap's driver answers to "stats"; the in-tree driver has none. */
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dmsnap::tool {

/* Counts by powers of two, as the driver makes them. */
struct Histogram {
	struct Bucket {
		/* Values from this to less than twice it; 0 has a bucket of its own. */
		uint64_t from;
		uint64_t count;
	};
	/* Sorted by value. */
	std::vector<Bucket> buckets;

	uint64_t count() const;
	/* The quantile for @part (0 to 1); 0 if there are no values. */
	uint64_t below(double part) const;
};

struct SnapshotStats {
	/* Keyed by the driver's names. */
	std::map<std::string, uint64_t> counters;
	std::map<std::string, Histogram> histograms;
	/* Empty if it is valid, or was invalid before its activation. */
	std::string invalid_reason;
};

/* None if the answer has the format of another version. */
std::optional<SnapshotStats> parse_stats(const std::string &answer);

} // namespace dmsnap::tool
