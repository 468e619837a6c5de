// SPDX-License-Identifier: GPL-2.0-only
/* dmsnap: runs the command and reports its result. */
#include <algorithm>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstring>
#include <exception>
#include <string_view>

#include <fmt/format.h>

#include "cli/command_line.hpp"
#include "cli/json_output.hpp"
#include "cli/printable.hpp"

using namespace dmsnap::tool;

namespace {

/* Works for an invalid command line too. */
bool wants_json(int argc, char **argv)
{
	return std::any_of(argv, argv + argc,
			   [](const char *word) { return std::string_view(word) == "--json"; });
}

void print_error(bool json, std::string_view message, ExitCode code)
{
	std::fflush(stdout);
	if (json)
		fmt::print(stderr, "{}\n", error_json(message, static_cast<int>(code)));
	else
		fmt::print(stderr, "dmsnap: {}\n", printable(message));
}

} // namespace

int main(int argc, char **argv)
{
	ExitCode code = ExitCode::failed;
	const bool json = wants_json(argc, argv);

	/* The width of non-ASCII names on the terminal depends on the locale. */
	std::setlocale(LC_CTYPE, "");
	/* If SIGCHLD were ignored, the exit status of children would be lost. */
	std::signal(SIGCHLD, SIG_DFL);

	try {
		code = run_command_line(argc, argv);
	} catch (const Failure &failure) {
		code = failure.code;
		print_error(json, failure.what(), code);
	} catch (const std::exception &error) {
		print_error(json, error.what(), code);
	}
	if (std::fflush(stdout) != 0 || std::ferror(stdout)) {
		code = ExitCode::failed;
		print_error(json,
			    fmt::format("writing the output failed: {}", std::strerror(errno)),
			    code);
	}
	return static_cast<int>(code);
}
