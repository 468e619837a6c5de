// SPDX-License-Identifier: GPL-2.0-only
/* The parts of the port that the core's codec needs. */
#include <cstdlib>

#include <dmsnap/port/log.h>
#include <fmt/format.h>

void dmsnap_port_warn(const char *what, const char *file, int line)
{
	fmt::print(stderr, "dmsnap: {}:{}: assertion failed: {}\n", file, line, what);
	std::abort();
}
