// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failure: why a command does not succeed, as a sentence; and the exit codes, which mean the same
 * for every command.
 */
#pragma once

#include <stdexcept>
#include <string>

namespace dmsnap::tool {

enum class ExitCode : int {
	/* It is done, and nothing is wrong. */
	fine = 0,
	/* It was checked, and something is wrong with a store, a stream or a copy. */
	findings = 1,
	/* It could not be checked or done: arguments, devices, I/O. */
	failed = 2,
	/* What was waited for did not happen in time. */
	timed_out = 3,
	/* There is nothing to wait for. */
	nothing = 4,
	/* A merge is pending, but does not start now. */
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
