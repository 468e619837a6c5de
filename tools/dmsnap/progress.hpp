// SPDX-License-Identifier: GPL-2.0-only
/*
 * Progress: how far a command is and when it will end, on standard error, once
 * it has taken longer than a second: one line that changes on a terminal,
 * elsewhere a line every half a minute.
 */
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace dmsnap::tool {

class Progress {
public:
	/* @total: in units of the caller's; 0: unknown. */
	Progress(std::string what, uint64_t total) : what_(std::move(what)), total_(total) {}
	~Progress() { end(); }
	Progress(const Progress &) = delete;
	Progress &operator=(const Progress &) = delete;

	void reached(uint64_t done);
	/* Takes the line away, so that something else may be printed. */
	void end();
	/* For --quiet. */
	static void silence() { silent_ = true; }

private:
	using Clock = std::chrono::steady_clock;

	void show(uint64_t done, double seconds);

	static inline bool silent_ = false;

	std::string what_;
	uint64_t total_;
	Clock::time_point begun_ = Clock::now();
	/* Seconds after the beginning. */
	double next_ = 1;
	bool shown_ = false;
};

} // namespace dmsnap::tool
