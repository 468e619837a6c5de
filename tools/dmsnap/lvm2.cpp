// SPDX-License-Identifier: GPL-2.0-only
#include "lvm2.hpp"

#include <cerrno>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failure.hpp"

namespace dmsnap::tool {
namespace {

/* What a program prints; none: it cannot be run, or fails. */
std::optional<std::string> output_of(const char *program, const char *const arguments[])
{
	const char *environment[] = {"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", nullptr};
	posix_spawn_file_actions_t actions;
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0)
		throw Failure(fmt::format("no pipe: {}", std::strerror(errno)));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	int error = posix_spawn(&child, program, &actions, nullptr,
				const_cast<char *const *>(arguments),
				const_cast<char *const *>(environment));
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);

	std::string output;
	char piece[256];
	ssize_t got;
	while (error == 0 &&
	       ((got = read(ends[0], piece, sizeof(piece))) > 0 || (got < 0 && errno == EINTR)))
		output.append(piece, got > 0 ? static_cast<size_t>(got) : 0);
	close(ends[0]);
	int status = 1;
	if (error == 0)
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
	return error == 0 && status == 0 ? std::optional(output) : std::nullopt;
}

} // namespace

bool is_to_be_merged(const std::string &volume_path, const std::string &lvs)
{
	/* As lvs(8) has it: an origin into which a snapshot is to be merged. */
	constexpr char merging_origin = 'O';
	std::string program = lvs;
	for (const char *usual : {"/usr/sbin/lvs", "/sbin/lvs"}) {
		if (program.empty() && access(usual, X_OK) == 0)
			program = usual;
	}
	const char *arguments[] = {"lvs",     "--noheadings",	   "-o",
				   "lv_attr", volume_path.c_str(), nullptr};
	std::optional<std::string> output = output_of(program.c_str(), arguments);
	size_t first = output ? output->find_first_not_of(" \n") : std::string::npos;
	if (first == std::string::npos)
		throw Failure(
			fmt::format("{}: whether LVM2 has a merge to do there cannot be told: "
				    "lvs {}",
				    volume_path, program.empty() ? "is not there" : "fails"));
	return (*output)[first] == merging_origin;
}

} // namespace dmsnap::tool
