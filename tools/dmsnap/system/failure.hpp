// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failure: why a command ends without success, as a sentence; and
 * the exit codes, which mean the same for every command.
 */
#pragma once

#include <stdexcept>
#include <string>

namespace dmsnap::tool {

enum class ExitCode : int {
	/* Done, and nothing is wrong. */
	fine = 0,
	/* Checked, and something is wrong: with a store, a stream, a copy. */
	findings = 1,
	/* Could not check or do it: arguments, devices, I/O. */
	failed = 2,
	/* The awaited event did not come in time. */
	timed_out = 3,
	/* There is nothing to wait for. */
	nothing = 4,
	/* It was requested, but does not begin now. */
	postponed = 5,
};

class Failure : public std::runtime_error {
public:
	explicit Failure(const std::string &why, ExitCode exit_code = ExitCode::failed)
	    : std::runtime_error(why), code(exit_code)
	{
	}

	ExitCode code;
};

} // namespace dmsnap::tool
