// SPDX-License-Identifier: GPL-2.0-only
/*
 * What fuzzers of the program dmsnap have in common: files in memory that its commands are
 * told, and a way to run one.  A command may refuse with a Failure; nothing else may come out
 * of it.
 */
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "failure.hpp"

namespace dmsnap::fuzz {

/* The path of a file of that name in the fuzzer's own folder, which goes with it. */
std::string file_path(const std::string &name);
std::string write_file(const std::string &name, std::span<const uint8_t> bytes);
std::vector<uint8_t> read_file(const std::string &path);
/* All that is in the folder. */
void remove_files();

/* The code that it returns, or that of its Failure. */
template <typename Command> tool::ExitCode run(const Command &command)
{
	try {
		return command();
	} catch (const tool::Failure &failure) {
		return failure.code;
	}
}

/* Ends the fuzzer with this as what does not hold. */
[[noreturn]] void does_not_hold(const char *what);

} // namespace dmsnap::fuzz
