// SPDX-License-Identifier: GPL-2.0-only
/* dmsnap: what the command line asks for, and what became of it. */
#include <cerrno>
#include <cstring>
#include <exception>

#include <fmt/format.h>

#include "command_line.hpp"
#include "printable.hpp"

using namespace dmsnap::tool;

int main(int argc, char **argv)
{
	ExitCode code = ExitCode::failed;

	try {
		code = run_command_line(argc, argv);
	} catch (const Failure &failure) {
		code = failure.code;
		std::fflush(stdout);
		fmt::print(stderr, "dmsnap: {}\n", printable(failure.what()));
	} catch (const std::exception &error) {
		fmt::print(stderr, "dmsnap: {}\n", printable(error.what()));
	}
	if (std::fflush(stdout) != 0 || std::ferror(stdout)) {
		fmt::print(stderr, "dmsnap: writing the output failed: {}\n", std::strerror(errno));
		return static_cast<int>(ExitCode::failed);
	}
	return static_cast<int>(code);
}
