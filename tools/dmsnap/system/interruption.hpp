// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <array>
#include <csignal>

namespace dmsnap::tool {

/* While there is one, a signal that would end the program is only noted: it has to undo things. */
class Interruption {
public:
	Interruption();
	~Interruption();
	Interruption(const Interruption &) = delete;
	Interruption &operator=(const Interruption &) = delete;

	bool is_there() const;

private:
	static constexpr std::array signals = {SIGHUP, SIGINT, SIGTERM};
	std::array<struct sigaction, signals.size()> before_;
};

} // namespace dmsnap::tool
