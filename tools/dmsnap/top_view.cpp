// SPDX-License-Identifier: GPL-2.0-only
#include "top_view.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/chunk.hpp"
#include "text_table.hpp"
#include "units.hpp"

namespace dmsnap::tool {
namespace {

constexpr size_t bar_min = 15, bar_max = 42;

/* Full, or of a merge: what is done. */
std::optional<double> part_of(const TrendRow &row)
{
	if (row.trend.merged)
		return row.trend.merged;
	if (row.snapshot.usage)
		return row.snapshot.usage->full();
	return {};
}

std::string bar(std::optional<double> part, size_t width)
{
	if (!part)
		return {};
	size_t inside = width - 2;
	auto filled = static_cast<size_t>(
		std::lround(std::clamp(*part, 0.0, 1.0) * static_cast<double>(inside)));
	return "[" + std::string(filled, '#') + std::string(inside - filled, '.') + "]";
}

std::string used_text(const LiveSnapshot &snapshot)
{
	if (!snapshot.usage)
		return "-";
	uint64_t sectors = snapshot.is_merge ? snapshot.usage->unmerged() : snapshot.usage->used;
	return size_text(static_cast<double>(sectors) * sector_bytes);
}

std::string rate_text(const Trend &trend)
{
	if (!trend.sectors_per_second)
		return "-";
	return fmt::format("{:.1f}", *trend.sectors_per_second * sector_bytes / 1024);
}

/* A time of the day, as long as that says which day. */
std::string end_text(const Trend &trend, std::time_t now)
{
	constexpr double day = 86400, century = 36525 * day;

	if (!trend.seconds_left || *trend.seconds_left > century)
		return "-";
	std::string left = time_text(*trend.seconds_left);
	if (*trend.seconds_left >= day)
		return left;
	std::time_t end = now + static_cast<std::time_t>(std::llround(*trend.seconds_left));
	return fmt::format("{}, {:%H:%M:%S}", left, fmt::localtime(end));
}

size_t longest(const std::vector<std::string> &lines)
{
	size_t length = 0;
	for (const std::string &line : lines)
		length = std::max(length, line.size());
	return length;
}

std::vector<std::string> lines_with(std::span<const TrendRow> rows, size_t bar_width,
				    std::time_t now)
{
	TextTable table(
		{"NAME", "STATE", "FULL, OR MERGED", " ", " USED, OR LEFT", " KIB/S", "END"});
	for (const TrendRow &row : rows) {
		std::optional<double> part = part_of(row);
		std::vector<std::string> cells = {
			row.snapshot.name,	  to_text(row.snapshot.state),
			bar(part, bar_width),	  part ? fmt::format("{:.1f} %", 100 * *part) : "-",
			used_text(row.snapshot),  rate_text(row.trend),
			end_text(row.trend, now),
		};
		table.add(std::move(cells));
	}
	return table.lines();
}

} // namespace

void sort_rows(std::span<TrendRow> rows, TopOrder order)
{
	/* What is bad comes first, as if it were more than full. */
	auto weight = [](const TrendRow &row) {
		if (row.snapshot.is_bad())
			return 2.0;
		return row.snapshot.usage ? row.snapshot.usage->full() : 0.0;
	};
	std::ranges::sort(rows, [&](const TrendRow &one, const TrendRow &other) {
		if (order == TopOrder::full && weight(one) != weight(other))
			return weight(one) > weight(other);
		return one.snapshot.name < other.snapshot.name;
	});
}

std::vector<std::string> top_lines(std::span<const TrendRow> rows, size_t columns, std::time_t now)
{
	std::vector<std::string> lines = lines_with(rows, bar_min, now);
	size_t length = longest(lines);
	/* The bar's title is as wide as a short bar. */
	if (length >= columns)
		return lines;
	return lines_with(rows, std::min(bar_min + columns - length, bar_max), now);
}

} // namespace dmsnap::tool
