// SPDX-License-Identifier: GPL-2.0-only
#include "system/child.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system/failure.hpp"

namespace dmsnap::tool {
namespace {

std::vector<char *> pointers(const std::vector<std::string> &texts)
{
	std::vector<char *> list;
	for (const std::string &text : texts)
		list.push_back(const_cast<char *>(text.c_str()));
	list.push_back(nullptr);
	return list;
}

std::string name_of(const std::string &variable)
{
	return variable.substr(0, variable.find('=') + 1);
}

} // namespace

std::vector<std::string> environment_with(const std::vector<std::string> &more)
{
	std::vector<std::string> all = more;
	for (char **own = environ; *own; own++) {
		bool is_replaced = false;
		for (const std::string &one : more)
			is_replaced = is_replaced || name_of(one) == name_of(*own);
		if (!is_replaced)
			all.emplace_back(*own);
	}
	return all;
}

Child::Child(const std::vector<std::string> &words, const std::vector<std::string> &environment,
	     Pipe pipe, bool is_quiet)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t mask;
	int ends[2] = {-1, -1};

	if (pipe != Pipe::none && pipe2(ends, O_CLOEXEC) != 0)
		throw Failure(fmt::format("no pipe: {}", std::strerror(errno)));
	posix_spawn_file_actions_init(&actions);
	if (pipe == Pipe::to)
		posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
	else
		posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	/* Standard output may carry a JSON document or a stream. */
	posix_spawn_file_actions_adddup2(&actions, pipe == Pipe::from ? ends[1] : STDERR_FILENO,
					 STDOUT_FILENO);
	if (is_quiet)
		posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	/* Even if this process blocks it. */
	posix_spawnattr_init(&attributes);
	sigprocmask(SIG_BLOCK, nullptr, &mask);
	sigdelset(&mask, SIGPIPE);
	posix_spawnattr_setsigmask(&attributes, &mask);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	int error = posix_spawnp(&process_, words.at(0).c_str(), &actions, &attributes,
				 pointers(words).data(), pointers(environment).data());
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	if (pipe != Pipe::none) {
		close(ends[pipe == Pipe::to ? 0 : 1]);
		descriptor_ = ends[pipe == Pipe::to ? 1 : 0];
	}
	if (error != 0) {
		close_pipe();
		throw Failure(fmt::format("{}: cannot be run: {}", words[0], std::strerror(error)));
	}
}

Child::~Child()
{
	if (process_ < 0)
		return;
	/* Before it sees the end of its input, which it would take for complete. */
	kill(process_, SIGTERM);
	end();
}

void Child::close_pipe()
{
	if (descriptor_ >= 0)
		close(std::exchange(descriptor_, -1));
}

std::optional<int> status_of_ended(pid_t process)
{
	int status = 0;
	pid_t ended;

	while ((ended = waitpid(process, &status, 0)) < 0 && errno == EINTR)
		;
	return ended < 0 ? std::nullopt : std::optional(status);
}

std::string Child::end()
{
	close_pipe();
	std::optional<int> ended = status_of_ended(process_);
	process_ = -1;
	if (!ended)
		return fmt::format("cannot be waited for: {}", std::strerror(errno));
	const int status = *ended;
	if (WIFSIGNALED(status))
		return fmt::format("ended by signal {}", WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return fmt::format("exit code {}", WEXITSTATUS(status));
	return {};
}

std::string output_of(const std::vector<std::string> &words,
		      const std::vector<std::string> &environment, bool is_quiet)
{
	Child child(words, environment, Child::Pipe::from, is_quiet);
	std::string output;
	char piece[4096];
	ssize_t got;

	while ((got = read(child.descriptor(), piece, sizeof(piece))) > 0 ||
	       (got < 0 && errno == EINTR))
		output.append(piece, got > 0 ? static_cast<size_t>(got) : 0);
	std::string trouble = child.end();
	if (!trouble.empty())
		throw Failure(fmt::format("{}: {}", words[0], trouble));
	return output;
}

} // namespace dmsnap::tool
