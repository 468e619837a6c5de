// SPDX-License-Identifier: GPL-2.0-only
/* Sizes, times and rates as people write them. */
#pragma once

#include <cstdint>
#include <string>

namespace dmsnap::tool {

/* "512", "4K", "1.5G": powers of 1024.  These throw a Failure. */
uint64_t parse_size(const std::string &text);
/* "90", "90s", "15m", "12h", "7d", "2w". */
double parse_seconds(const std::string &text);

/* A rate: bytes per second, or a share of the volume per second. */
struct Rate {
	double bytes = 0;
	double volumes = 0;
};
/* "10M/s", "200G/d", "2%/d". */
Rate parse_rate(const std::string &text);

/* "1.5 GiB" */
std::string size_text(double bytes);
/* "3 d 4 h", "5 min" */
std::string time_text(double seconds);

} // namespace dmsnap::tool
