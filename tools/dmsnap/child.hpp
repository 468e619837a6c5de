// SPDX-License-Identifier: GPL-2.0-only
/*
 * Child: another program, with a pipe to or from it.
 *
 *	Child child({"lvs", "vg"}, environment_with({"LC_ALL=C"}), Child::Pipe::from);
 *	read(child.descriptor(), ...);
 *	std::string trouble = child.end();
 */
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace dmsnap::tool {

/* This process' own, with these "NAME=value" in the place of what is called so. */
std::vector<std::string> environment_with(const std::vector<std::string> &more);

class Child {
public:
	/* The child's standard input, its standard output, or neither. */
	enum class Pipe { none, to, from };

	/*
	 * The first of @words is looked for in PATH unless it has a slash; throws a Failure if it
	 * cannot be run.  Without a pipe, what it prints goes to standard error, and it reads
	 * nothing.
	 */
	Child(const std::vector<std::string> &words, const std::vector<std::string> &environment,
	      Pipe pipe, bool is_quiet = false);
	/* One that still runs is told to end, and waited for. */
	~Child();
	Child(const Child &) = delete;
	Child &operator=(const Child &) = delete;

	/* This side of the pipe. */
	int descriptor() const { return descriptor_; }
	/* Closes the pipe and waits.  Empty: exit code 0; else what it ended with. */
	std::string end();

private:
	void close_pipe();

	pid_t process_ = -1;
	int descriptor_ = -1;
};

/* All that a program prints; throws a Failure if it does not end with exit code 0. */
std::string output_of(const std::vector<std::string> &words,
		      const std::vector<std::string> &environment, bool is_quiet = false);

} // namespace dmsnap::tool
