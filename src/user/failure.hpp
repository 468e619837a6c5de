// SPDX-License-Identifier: GPL-2.0-only
/*
 * How the simulated world reports that a rule of the port was broken: through a hook that tests
 * turn into test failures.  Without a hook the process ends.
 */
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace dmsnap::user {

/* snprintf into a string. */
std::string text(const char *format, ...) __attribute__((format(printf, 1, 2)));

using FailureHook = std::function<void(const std::string &)>;

/* Sets the hook (empty: print and abort) and returns the previous one. */
FailureHook set_failure_hook(FailureHook hook);

/* Reports that a rule was broken; the caller goes on as well as it can.  Any thread. */
void report_failure(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The current world's log, a line each, for a message of what went wrong; empty without one. */
std::string log_of_world();

/* Prints the message and the world's log, and ends the process. */
[[noreturn]] void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* While it lives, failures are collected here instead of reported. */
class FailureCapture {
public:
	FailureCapture();
	~FailureCapture();
	FailureCapture(const FailureCapture &) = delete;
	FailureCapture &operator=(const FailureCapture &) = delete;

	const std::vector<std::string> &messages() const { return messages_; }
	/* Does any message hold this? */
	bool saw(const std::string &part) const;

private:
	std::vector<std::string> messages_;
	FailureHook before_;
};

} // namespace dmsnap::user
