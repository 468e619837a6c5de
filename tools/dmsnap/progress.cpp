// SPDX-License-Identifier: GPL-2.0-only
#include "progress.hpp"

#include <ctime>

#include <fmt/chrono.h>
#include <unistd.h>

namespace dmsnap::tool {
namespace {

bool on_terminal()
{
	static const bool terminal = isatty(STDERR_FILENO);
	return terminal;
}

std::string clock_text(double seconds)
{
	auto whole = static_cast<uint64_t>(seconds);
	return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

} // namespace

void Progress::reached(uint64_t done)
{
	if (silent_)
		return;
	double seconds = std::chrono::duration<double>(Clock::now() - begun_).count();
	if (seconds < next_)
		return;
	next_ = seconds + (on_terminal() ? 0.2 : 30);
	show(done, seconds);
}

void Progress::show(uint64_t done, double seconds)
{
	std::string line = fmt::format("{}: {} so far", what_, clock_text(seconds));
	if (total_ && done) {
		double part = static_cast<double>(done) / static_cast<double>(total_);
		double left = seconds / part - seconds;
		std::time_t end = std::time(nullptr) + static_cast<std::time_t>(left);
		line = fmt::format("{}: {:.0f} %, {} left, ends {:%H:%M:%S}", what_, 100 * part,
				   clock_text(left), fmt::localtime(end));
	}
	if (on_terminal())
		fmt::print(stderr, "\r\033[K{}", line);
	else
		fmt::print(stderr, "{}\n", line);
	std::fflush(stderr);
	shown_ = true;
}

void Progress::end()
{
	if (shown_ && on_terminal())
		fmt::print(stderr, "\r\033[K");
	shown_ = false;
}

} // namespace dmsnap::tool
