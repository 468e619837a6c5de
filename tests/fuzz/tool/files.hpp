// SPDX-License-Identifier: GPL-2.0-only
/*
 * The common part of the fuzzers of the program dmsnap: files in memory for its commands,
 * and a way to run one.  A command may refuse with a Failure; no other exception may leave
 * it.
 */
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "system/failure.hpp"

namespace dmsnap::fuzz {

/* The path of a file of that name in the fuzzer's own folder, which is removed at exit. */
std::string file_path(const std::string &name);
std::string write_file(const std::string &name, std::span<const uint8_t> bytes);
std::vector<uint8_t> read_file(const std::string &path);
/* Everything in the folder. */
void remove_files();

/* Its exit code, or that of its Failure. */
template <typename Command> tool::ExitCode run(const Command &command)
{
	try {
		return command();
	} catch (const tool::Failure &failure) {
		return failure.code;
	}
}

/* Ends the fuzzer, reporting that this does not hold. */
[[noreturn]] void does_not_hold(const char *what);

} // namespace dmsnap::fuzz
