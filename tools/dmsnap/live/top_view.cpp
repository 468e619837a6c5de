// SPDX-License-Identifier: GPL-2.0-only
#include "live/top_view.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <langinfo.h>

#include "base/chunk.hpp"
#include "cli/text_table.hpp"
#include "cli/text_width.hpp"
#include "cli/units.hpp"

namespace dmsnap::tool {
namespace {

constexpr size_t bar_min = 11, bar_max = 42;

/* How full it is; for a merge, how much is merged. */
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

/* Adds the time of day if it is unambiguous. */
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

/* A sparkline from the minimum to the maximum. */
std::string curve(const std::vector<uint64_t> &values)
{
	static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const letters[] = {"_", ".", "-", "=", "+", "*", "#", "@"};
	const bool can_blocks = std::strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	std::string text;

	if (values.size() < 2)
		return text;
	auto [least, most] = std::ranges::minmax(values);
	for (uint64_t value : values) {
		double part = least == most ? 0
					    : static_cast<double>(value - least) /
						      static_cast<double>(most - least);
		auto height = static_cast<size_t>(std::lround(part * 7));
		text += can_blocks ? blocks[height] : letters[height];
	}
	return text;
}

/* Which columns are left out; the first ones go first. */
enum class Level { all, no_curve, no_bar, no_rate, no_used, no_clock, no_state };
constexpr Level levels[] = {Level::all,	    Level::no_curve, Level::no_bar,  Level::no_rate,
			    Level::no_used, Level::no_clock, Level::no_state};

/* "5 min" of "5 min, 12:30:05". */
std::string without_clock(const std::string &end)
{
	return end.substr(0, end.find(','));
}

/* Names are shortened in the middle, because volumes differ at the end. */
std::string cut(const std::string &text, size_t width)
{
	if (width < 4 || text_width(text) <= width)
		return text;
	size_t kept = width - 2;
	return text.substr(0, kept / 2) + ".." + text.substr(text.size() - (kept - kept / 2));
}

size_t longest(const std::vector<std::string> &lines)
{
	size_t length = 0;
	for (const std::string &line : lines)
		length = std::max(length, text_width(line));
	return length;
}

struct Form {
	Level level;
	size_t bar_width = bar_min;
	size_t name_width = std::string::npos;

	bool has(Level without) const { return level < without; }
};

std::vector<std::string> lines_with(std::span<const TrendRow> rows, const Form &form,
				    std::time_t now)
{
	/* The columns in this order, with their titles. */
	const std::pair<bool, const char *> columns[] = {
		{true, "NAME"},
		{form.has(Level::no_state), "STATE"},
		{form.has(Level::no_bar), "FULL/MERGED"},
		{true, form.has(Level::no_bar) ? " " : " FULL"},
		{form.has(Level::no_used), " USED"},
		{form.has(Level::no_rate), " KIB/S"},
		{form.has(Level::no_curve), "LAST LOOKS"},
		{true, "END"},
	};
	auto chosen = [&](const std::vector<std::string> &cells) {
		std::vector<std::string> kept;
		for (size_t i = 0; i < cells.size(); i++) {
			if (columns[i].first)
				kept.push_back(cells[i]);
		}
		return kept;
	};
	std::vector<std::string> titles;
	for (const auto &[is_in, title] : columns)
		titles.emplace_back(title);

	TextTable table(chosen(titles));
	for (const TrendRow &row : rows) {
		const LiveSnapshot &snapshot = row.snapshot;
		std::optional<double> part = part_of(row);
		std::string end = end_text(row.trend, now);
		std::string state = form.has(Level::no_bar) ? snapshot.state_text()
							    : to_text(snapshot.state);
		std::string full = part ? fmt::format("{:.1f} %", 100 * *part) : "-";
		if (snapshot.is_bad() && !form.has(Level::no_state))
			full = state;
		table.add(chosen({cut(snapshot.shown_name(), form.name_width), state,
				  bar(part, form.bar_width), full, used_text(snapshot),
				  rate_text(row.trend), curve(row.trend.used),
				  form.has(Level::no_clock) ? end : without_clock(end)}));
	}
	return table.lines();
}

std::string microseconds_text(uint64_t value)
{
	if (value < 1000)
		return fmt::format("{} us", value);
	if (value < 1000000)
		return fmt::format("{:.1f} ms", static_cast<double>(value) / 1e3);
	return fmt::format("{:.1f} s", static_cast<double>(value) / 1e6);
}

} // namespace

void sort_rows(std::span<TrendRow> rows, TopOrder order)
{
	/* Bad snapshots come first, as if they were more than full. */
	auto weight = [](const TrendRow &row) {
		if (row.snapshot.is_bad())
			return 2.0;
		return row.snapshot.usage ? row.snapshot.usage->full() : 0.0;
	};
	std::ranges::sort(rows, [&](const TrendRow &one, const TrendRow &other) {
		if (order == TopOrder::full && weight(one) != weight(other))
			return weight(one) > weight(other);
		return one.snapshot.shown_name() < other.snapshot.shown_name();
	});
}

std::vector<std::string> top_lines(std::span<const TrendRow> rows, size_t columns, std::time_t now)
{
	Form form{Level::all};
	std::vector<std::string> lines;
	for (Level level : levels) {
		form.level = level;
		lines = lines_with(rows, form, now);
		size_t length = longest(lines);
		if (length > columns)
			continue;
		if (!form.has(Level::no_bar))
			return lines;
		/* The bar's title is as wide as a short bar. */
		form.bar_width = std::min(bar_min + columns - length, bar_max);
		return lines_with(rows, form, now);
	}
	size_t name = 0;
	for (const TrendRow &row : rows)
		name = std::max(name, text_width(row.snapshot.shown_name()));
	size_t too_long = longest(lines) - columns;
	form.name_width = name > too_long ? std::max<size_t>(name - too_long, 4) : 4;
	return lines_with(rows, form, now);
}

std::vector<std::string> detail_lines(const TrendRow &row,
				      const std::optional<SnapshotStats> &stats)
{
	const LiveSnapshot &snapshot = row.snapshot;
	std::vector<std::string> lines = {
		fmt::format("{} ({}, {})", snapshot.shown_name(), snapshot.name,
			    to_text(snapshot.device)),
		fmt::format("state      {}", snapshot.state_text()),
		fmt::format("origin     {} ({})", snapshot.origin_name, to_text(snapshot.origin)),
		fmt::format("COW device {} ({}), store {}, chunks of {}", snapshot.cow_name,
			    to_text(snapshot.cow), snapshot.store,
			    size_text(static_cast<double>(snapshot.chunk_sectors) * sector_bytes)),
	};
	if (const std::optional<CowUsage> &usage = snapshot.usage)
		lines.push_back(fmt::format(
			"used       {} of {}, of that metadata {}",
			size_text(static_cast<double>(usage->used) * sector_bytes),
			size_text(static_cast<double>(usage->total) * sector_bytes),
			size_text(static_cast<double>(usage->metadata) * sector_bytes)));
	lines.emplace_back();
	if (!stats) {
		lines.emplace_back(
			"Its driver has no counters: it is the kernel's own, or does not "
			"answer now.");
		return lines;
	}
	auto ahead = stats->counters.find("ahead_chunks");
	auto unwritten = stats->counters.find("origin_ahead_unwritten_sectors");
	if (ahead != stats->counters.end() && unwritten != stats->counters.end())
		lines.push_back(fmt::format(
			"ahead      {} chunks copied ahead of streams; not written yet: {} of the origin",
			ahead->second,
			size_text(static_cast<double>(unwritten->second) * sector_bytes)));
	static constexpr std::pair<const char *, const char *> times[] = {
		{"copy_us", "copies for origin writes"},
		{"write_us", "first writes to chunks"},
		{"commit_us", "commits to the store"},
		{"readers_us", "waits for readers"},
		{"merge_batch_us", "batches of the merge"},
		{"origin_held_us", "origin writes held up"},
		{"origin_page_wait_us", "waits for memory"},
		{"origin_read_us", "reads of the origin"},
		{"origin_write_us", "writes to COW devices"},
	};
	TextTable table({"TIME OF", " COUNT", " HALF BELOW", " 99 % BELOW", " ALL BELOW"});
	for (const auto &[name, text] : times) {
		auto found = stats->histograms.find(name);
		if (found == stats->histograms.end() || found->second.count() == 0)
			continue;
		const Histogram &sizes = found->second;
		table.add({text, fmt::format("{}", sizes.count()),
			   microseconds_text(sizes.below(0.5)),
			   microseconds_text(sizes.below(0.99)),
			   microseconds_text(sizes.below(1))});
	}
	for (std::string &line : table.lines())
		lines.push_back(std::move(line));
	return lines;
}

} // namespace dmsnap::tool
