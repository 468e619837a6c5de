// SPDX-License-Identifier: GPL-2.0-only
#include "live/lvm2.hpp"

#include <optional>

#include <fmt/format.h>
#include <unistd.h>

#include "system/child.hpp"
#include "system/failure.hpp"

namespace dmsnap::tool {
namespace {

/* The caller's environment with another PATH, and with messages in English, which are parsed. */
std::vector<std::string> lvm2_environment()
{
	return environment_with(
		{"LC_ALL=C", "LVM_SUPPRESS_FD_WARNINGS=1", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"});
}

std::optional<std::string> attributes_of(const std::string &program, const std::string &volume)
try {
	return output_of({program, "--noheadings", "-o", "lv_attr", volume}, lvm2_environment(),
			 true);
} catch (const Failure &) {
	return {};
}

std::string find_program(const std::string &name)
{
	for (const char *folder : {"/usr/sbin/", "/sbin/"}) {
		if (access((folder + name).c_str(), X_OK) == 0)
			return folder + name;
	}
	return {};
}

} // namespace

std::string lvm2_program(const std::string &name)
{
	std::string program = find_program(name);
	if (program.empty())
		throw Failure(name + " is not there: is LVM2 installed?");
	return program;
}

std::string lvm2_output(std::vector<std::string> words)
{
	words.at(0) = lvm2_program(words.at(0));
	return output_of(words, lvm2_environment());
}

void lvm2_change(std::vector<std::string> words, Lvm2Says says)
{
	const char *run = says == Lvm2Says::always
				  ? "exec \"$@\""
				  : "said=$(\"$@\" 2>&1) || "
				    "{ code=$?; printf '%s\\n' \"$said\" >&2; exit $code; }";
	std::vector<std::string> all = {"/bin/sh", "-c",
					std::string("trap '' HUP INT TERM QUIT; ") + run, "sh"};

	words.at(0) = lvm2_program(words.at(0));
	all.insert(all.end(), words.begin(), words.end());
	std::string trouble = Child(all, lvm2_environment(), Child::Pipe::none).end();
	if (!trouble.empty())
		throw Failure(fmt::format("{}: {}", words[0], trouble));
}

bool is_to_be_merged(const std::string &volume_path, const std::string &lvs)
{
	/* As in lvs(8): an origin into which a snapshot will be merged. */
	constexpr char merging_origin = 'O';
	const std::string program = lvs.empty() ? find_program("lvs") : lvs;
	std::optional<std::string> output;
	if (!program.empty())
		output = attributes_of(program, volume_path);
	size_t first = output ? output->find_first_not_of(" \n") : std::string::npos;
	if (first == std::string::npos)
		throw Failure(
			fmt::format("{}: whether LVM2 has a merge to do there cannot be told: "
				    "lvs {}",
				    volume_path, program.empty() ? "is not there" : "fails"));
	return (*output)[first] == merging_origin;
}

} // namespace dmsnap::tool
