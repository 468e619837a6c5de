// SPDX-License-Identifier: GPL-2.0-only
/* SignalsBlocked: while it exists, signals that would end the program wait. */
#pragma once

#include <array>
#include <csignal>

namespace dmsnap::tool {

constexpr std::array ending_signals = {SIGHUP, SIGINT, SIGPIPE, SIGTERM};

class SignalsBlocked {
public:
	SignalsBlocked()
	{
		sigset_t ending;
		sigemptyset(&ending);
		for (int signal : ending_signals)
			sigaddset(&ending, signal);
		sigprocmask(SIG_BLOCK, &ending, &before_);
	}
	~SignalsBlocked() { sigprocmask(SIG_SETMASK, &before_, nullptr); }
	SignalsBlocked(const SignalsBlocked &) = delete;
	SignalsBlocked &operator=(const SignalsBlocked &) = delete;

private:
	sigset_t before_;
};

} // namespace dmsnap::tool
