// SPDX-License-Identifier: GPL-2.0-only
#include "cli/progress.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>

#include <fmt/chrono.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace dmsnap::tool {
namespace {

bool on_terminal()
{
	static const bool terminal = isatty(STDERR_FILENO);
	return terminal;
}

/* Leaves out the last column, because some terminals wrap there. */
size_t terminal_columns()
{
	winsize size = {};
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2)
		return std::numeric_limits<size_t>::max();
	return size.ws_col - 1u;
}

std::string clock_text(double seconds)
{
	auto whole = static_cast<uint64_t>(seconds);
	uint64_t hours = whole / 3600, minutes = whole / 60 % 60;
	return hours ? fmt::format("{}:{:02}:{:02}", hours, minutes, whole % 60)
		     : fmt::format("{}:{:02}", minutes, whole % 60);
}

std::string left_text(double left)
{
	constexpr double day = 86400, year = 366 * day;

	if (!(left < year))
		return "more than a year left";
	std::time_t end = std::time(nullptr) + static_cast<std::time_t>(left);
	if (left < day)
		return fmt::format("{} left, ends {:%H:%M:%S}", clock_text(left),
				   fmt::localtime(end));
	return fmt::format("{:.0f} days left, ends {:%F %H:%M}", left / day, fmt::localtime(end));
}

std::string json_text(const std::string &what, uint64_t done, uint64_t total, double seconds)
{
	return fmt::format("{{\"progress\": \"{}\", \"done\": {}, \"total\": {}, "
			   "\"seconds\": {:.1f}}}",
			   what, done, total ? fmt::format("{}", total) : "null", seconds);
}

} // namespace

std::string progress_text(const std::string &what, uint64_t done, uint64_t total, double seconds,
			  size_t columns)
{
	double percent =
		total ? std::min(100.0 * static_cast<double>(done) / static_cast<double>(total),
				 100.0)
		      : 0;
	std::string text = what + ": ";

	if (total && done)
		text += fmt::format("{:.0f} %, ", std::floor(percent));
	/* From less no end can be estimated: a first piece that took long would give years. */
	text += percent >= 1 ? left_text(seconds * (100 / percent - 1))
			     : clock_text(seconds) + " so far";
	return text.substr(0, columns);
}

void Progress::reached(uint64_t done)
{
	if (style_ == Style::none)
		return;
	double seconds = std::chrono::duration<double>(Clock::now() - begun_).count();
	if (seconds < next_)
		return;
	bool bar = style_ == Style::bar || (style_ == Style::lines && on_terminal());
	next_ = seconds + (bar ? 0.2 : style_ == Style::json ? 1 : 30);
	show(done, seconds);
}

void Progress::show(uint64_t done, double seconds)
{
	if (style_ == Style::json)
		fmt::print(stderr, "{}\n", json_text(what_, done, total_, seconds));
	else if (style_ == Style::bar || on_terminal())
		fmt::print(stderr, "\r\033[K{}",
			   progress_text(what_, done, total_, seconds, terminal_columns()));
	else
		fmt::print(stderr, "{}\n", progress_text(what_, done, total_, seconds));
	std::fflush(stderr);
	shown_ = style_ != Style::json;
}

void Progress::end()
{
	if (shown_ && (style_ == Style::bar || on_terminal()))
		fmt::print(stderr, "\r\033[K");
	shown_ = false;
}

} // namespace dmsnap::tool
