// SPDX-License-Identifier: GPL-2.0-only
/* SnapshotStats: what dmsnap's driver answers to the message "stats"; the kernel's own has none. */
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dmsnap::tool {

/* Sizes by powers of two, as the driver counts them. */
struct Histogram {
	struct Bucket {
		/* Of sizes from this to less than twice it; 0 is for itself. */
		uint64_t from;
		uint64_t count;
	};
	/* By size. */
	std::vector<Bucket> buckets;

	uint64_t count() const;
	/* The quantile for @part (0 to 1); 0: there are no values. */
	uint64_t below(double part) const;
};

struct SnapshotStats {
	/* Keyed by the driver's names. */
	std::map<std::string, uint64_t> counters;
	std::map<std::string, Histogram> histograms;
	/* Empty: it is not invalid, or was invalid before it was activated. */
	std::string invalid_reason;
};

/* None: the answer has another version's format. */
std::optional<SnapshotStats> parse_stats(const std::string &answer);

} // namespace dmsnap::tool
