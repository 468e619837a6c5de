// SPDX-License-Identifier: GPL-2.0-only
/*
 * The common part of the fuzzers of the program dmsnap: files in memory, and a way to run a
 * command.  A command may end with a Failure and with no other exception.
 */
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "system/failure.hpp"

namespace dmsnap::fuzz {

/* The path of a file in the fuzzer's own folder, which is removed at exit. */
std::string file_path(const std::string &name);
std::string write_file(const std::string &name, std::span<const uint8_t> bytes);
std::vector<uint8_t> read_file(const std::string &path);
/* Removes all files in the folder. */
void remove_files();

/* The exit code of the command, or that of its Failure. */
template <typename Command> tool::ExitCode run(const Command &command)
{
	try {
		return command();
	} catch (const tool::Failure &failure) {
		return failure.code;
	}
}

/* Ends the fuzzer with a message that @what does not hold. */
[[noreturn]] void does_not_hold(const char *what);

} // namespace dmsnap::fuzz
