// SPDX-License-Identifier: GPL-2.0-only
/*
 * Child: another program, with a pipe to or from it.
 *
 *	Child child({"lvs", "vg"}, environment_with({"LC_ALL=C"}), Child::Pipe::from);
 *	read(child.descriptor(), ...);
 *	std::string trouble = child.end();
 */
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace dmsnap::tool {

/* This process' environment, with these "NAME=value" replaced or added. */
std::vector<std::string> environment_with(const std::vector<std::string> &more);

/* Waits for a process of ours.  How it ended, as waitpid() tells it; empty: errno says why not. */
std::optional<int> status_of_ended(pid_t process);

class Child {
public:
	/* The child's standard input, its standard output, or neither. */
	enum class Pipe { none, to, from };

	/*
	 * The first of @words is searched in PATH unless it has a slash; throws a Failure if it
	 * cannot be run.  Without a pipe, what it prints goes to standard error, and it reads
	 * nothing.
	 */
	Child(const std::vector<std::string> &words, const std::vector<std::string> &environment,
	      Pipe pipe, bool is_quiet = false);
	/* Terminates a child that still runs, and waits for it. */
	~Child();
	Child(const Child &) = delete;
	Child &operator=(const Child &) = delete;

	/* This side of the pipe. */
	int descriptor() const { return descriptor_; }
	/* Closes the pipe and waits.  Empty: exit code 0; otherwise how it ended. */
	std::string end();

private:
	void close_pipe();

	pid_t process_ = -1;
	int descriptor_ = -1;
};

/* The output of a program; throws a Failure if its exit code is not 0. */
std::string output_of(const std::vector<std::string> &words,
		      const std::vector<std::string> &environment, bool is_quiet = false);

} // namespace dmsnap::tool
