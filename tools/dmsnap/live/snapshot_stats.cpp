// SPDX-License-Identifier: GPL-2.0-only
#include "live/snapshot_stats.hpp"

#include <limits>
#include <sstream>
#include <string_view>

#include "system/whole_number.hpp"

namespace dmsnap::tool {
namespace {

constexpr uint64_t known_version = 1;

/* Parses "1:5 2:17"; none for other text. */
std::optional<Histogram> histogram(const std::string &words)
{
	Histogram histogram;
	std::istringstream stream(words);
	for (std::string word; stream >> word;) {
		size_t colon = word.find(':');
		if (colon == std::string::npos)
			return {};
		std::optional<uint64_t> from =
			whole_number(std::string_view(word).substr(0, colon));
		std::optional<uint64_t> count =
			whole_number(std::string_view(word).substr(colon + 1));
		if (!from || !count)
			return {};
		histogram.buckets.push_back({*from, *count});
	}
	return histogram;
}

/* An empty histogram is only a name on a line. */
bool is_histogram(const std::string &name, const std::string &words)
{
	return words.empty() || words.find(':') != std::string::npos || name.ends_with("_us");
}

} // namespace

uint64_t Histogram::count() const
{
	uint64_t count = 0;
	for (const Bucket &bucket : buckets)
		count += bucket.count;
	return count;
}

uint64_t Histogram::below(double part) const
{
	double wanted = part * static_cast<double>(count());
	uint64_t seen = 0;
	for (const Bucket &bucket : buckets) {
		seen += bucket.count;
		if (bucket.count && static_cast<double>(seen) >= wanted)
			return bucket.from > std::numeric_limits<uint64_t>::max() / 2
				       ? std::numeric_limits<uint64_t>::max()
				       : bucket.from * 2 + (bucket.from == 0);
	}
	return 0;
}

std::optional<SnapshotStats> parse_stats(const std::string &answer)
{
	SnapshotStats stats;
	std::istringstream lines(answer);
	for (std::string line; std::getline(lines, line);) {
		size_t blank = line.find(' ');
		std::string name = line.substr(0, blank);
		std::string words = blank == std::string::npos ? "" : line.substr(blank + 1);
		if (name == "invalid_reason")
			stats.invalid_reason = words;
		else if (std::optional<uint64_t> value = whole_number(words))
			stats.counters[name] = *value;
		else if (std::optional<Histogram> sizes = histogram(words);
			 sizes && is_histogram(name, words))
			stats.histograms[name] = std::move(*sizes);
	}
	auto version = stats.counters.find("stats");
	if (version == stats.counters.end() || version->second != known_version)
		return {};
	stats.counters.erase(version);
	return stats;
}

} // namespace dmsnap::tool
