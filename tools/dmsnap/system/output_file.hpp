// SPDX-License-Identifier: GPL-2.0-only
/* OutputFile: the destination of a stream: a new file, or standard output. */
#pragma once

#include <cstdio>
#include <optional>
#include <string>

#include "system/new_file.hpp"

namespace dmsnap::tool {

class OutputFile {
public:
	/* Empty: standard output, unless that is a terminal.  These throw a Failure. */
	explicit OutputFile(const std::string &path);
	~OutputFile();
	OutputFile(const OutputFile &) = delete;
	OutputFile &operator=(const OutputFile &) = delete;

	FILE *get() const { return file_; }
	/* Everything was written: makes a new file durable, and names it. */
	void end();

private:
	std::optional<NewFile> new_;
	FILE *file_ = stdout;
};

} // namespace dmsnap::tool
