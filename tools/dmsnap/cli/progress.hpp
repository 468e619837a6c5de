// SPDX-License-Identifier: GPL-2.0-only
/*
 * Progress: how far a command is and when it will end, on standard error.  It appears after the
 * first second.
 */
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>

namespace dmsnap::tool {

/*
 * "copying: 50 %, 1:00 left, ends 12:30:05", cut to the columns of the terminal; before a
 * hundredth is done "copying: 0 %, 0:01 so far".
 */
std::string progress_text(const std::string &what, uint64_t done, uint64_t total, double seconds,
			  size_t columns = std::numeric_limits<size_t>::max());

class Progress {
public:
	enum class Style {
		/* A bar on a terminal; elsewhere a line every 30 s. */
		lines,
		/* One line that is redrawn. */
		bar,
		/* A JSON document per line, once a second. */
		json,
		none,
	};

	/* @total: in the caller's units; 0: unknown.  @what: must not contain quotes. */
	Progress(std::string what, uint64_t total) : what_(std::move(what)), total_(total) {}
	~Progress() { end(); }
	Progress(const Progress &) = delete;
	Progress &operator=(const Progress &) = delete;

	void reached(uint64_t done);
	/* Removes the line, so that other output can follow. */
	void end();
	/* Sets the style of all progress from now on. */
	static void set_style(Style style) { style_ = style; }

private:
	using Clock = std::chrono::steady_clock;

	void show(uint64_t done, double seconds);

	static inline Style style_ = Style::lines;

	std::string what_;
	uint64_t total_;
	Clock::time_point begun_ = Clock::now();
	/* Seconds since the beginning. */
	double next_ = 1;
	bool shown_ = false;
};

} // namespace dmsnap::tool
