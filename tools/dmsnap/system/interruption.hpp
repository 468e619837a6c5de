// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <array>
#include <csignal>

namespace dmsnap::tool {

/* While one exists, signals that would end the program are only recorded. */
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
