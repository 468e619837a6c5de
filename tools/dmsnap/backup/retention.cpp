// SPDX-License-Identifier: GPL-2.0-only
#include "backup/retention.hpp"

#include <algorithm>
#include <ctime>
#include <numeric>

namespace dmsnap::tool {
namespace {

constexpr int64_t hour_seconds = 3600;
constexpr int64_t day_seconds = 24 * hour_seconds;
constexpr int64_t week_seconds = 7 * day_seconds;
/* 1970 began on a Thursday. */
constexpr int64_t from_monday = 3 * day_seconds;

void keep(std::span<const int64_t> times, std::span<const size_t> youngest_first,
	  unsigned int count, int64_t seconds, const char *name, std::vector<std::string> &why)
{
	std::optional<int64_t> last;

	for (size_t one : youngest_first) {
		int64_t period = (times[one] + from_monday) / seconds;
		if (last == period)
			continue;
		if (count-- == 0)
			return;
		last = period;
		why[one] += (why[one].empty() ? "" : ", ") + std::string(name);
	}
}

} // namespace

std::vector<std::string> kept(std::span<const int64_t> times, const Retention &retention)
{
	std::vector<std::string> why(times.size());
	std::vector<size_t> order(times.size());

	std::iota(order.begin(), order.end(), size_t{0});
	std::ranges::sort(order, std::greater<>(), [&](size_t one) { return times[one]; });
	keep(times, order, retention.hourly, hour_seconds, "hourly", why);
	keep(times, order, retention.daily, day_seconds, "daily", why);
	keep(times, order, retention.weekly, week_seconds, "weekly", why);
	if (!order.empty() && why[order[0]].empty())
		why[order[0]] = "youngest";
	return why;
}

std::string stamp_of(int64_t time)
{
	std::time_t seconds = time;
	std::tm parts = {};
	char text[32];

	gmtime_r(&seconds, &parts);
	std::strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &parts);
	return text;
}

std::optional<int64_t> time_of(const std::string &stamp)
{
	std::tm parts = {};
	const char *end = strptime(stamp.c_str(), "%Y%m%dT%H%M%SZ", &parts);

	if (!end || *end)
		return {};
	int64_t time = timegm(&parts);
	return stamp_of(time) == stamp ? std::optional(time) : std::nullopt;
}

} // namespace dmsnap::tool
