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

/* This process's environment with these "NAME=value" replaced or added. */
std::vector<std::string> environment_with(const std::vector<std::string> &more);

/* Waits for a child.  Its status as from waitpid(); none: see errno. */
std::optional<int> status_of_ended(pid_t process);

class Child {
public:
	/* A pipe to the child's standard input, from its standard output, or none. */
	enum class Pipe { none, to, from };

	/*
	 * Searches PATH for the first of @words unless it has a slash.  Throws a Failure if it
	 * cannot be run.  Without a pipe the child's output goes to standard error, and its input
	 * is empty.
	 */
	Child(const std::vector<std::string> &words, const std::vector<std::string> &environment,
	      Pipe pipe, bool is_quiet = false);
	/* Kills a child that is still running, and waits for it. */
	~Child();
	Child(const Child &) = delete;
	Child &operator=(const Child &) = delete;

	/* This side of the pipe. */
	int descriptor() const { return descriptor_; }
	/* Closes the pipe and waits.  Empty for exit code 0, otherwise how the child ended. */
	std::string end();

private:
	void close_pipe();

	pid_t process_ = -1;
	int descriptor_ = -1;
};

/* The output of a program.  Throws a Failure if its exit code is not 0. */
std::string output_of(const std::vector<std::string> &words,
		      const std::vector<std::string> &environment, bool is_quiet = false);

} // namespace dmsnap::tool
