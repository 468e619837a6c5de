// SPDX-License-Identifier: GPL-2.0-only
/* InputFile: a file that is read from beginning to end, or standard input. */
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include <unistd.h>

#include "system/failure.hpp"

namespace dmsnap::tool {

class InputFile {
public:
	/* Empty: standard input. */
	explicit InputFile(const std::string &path)
	    : file_(path.empty() ? stdin : std::fopen(path.c_str(), "re"))
	{
		if (!file_)
			throw Failure(path + ": cannot be opened: " + std::strerror(errno));
		if (path.empty() && isatty(STDIN_FILENO))
			std::fputs("dmsnap: waits for its input, on the terminal\n", stderr);
	}
	~InputFile()
	{
		if (file_ != stdin)
			std::fclose(file_);
	}
	InputFile(const InputFile &) = delete;
	InputFile &operator=(const InputFile &) = delete;

	FILE *get() const { return file_; }

private:
	FILE *file_;
};

} // namespace dmsnap::tool
