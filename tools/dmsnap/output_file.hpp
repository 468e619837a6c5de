// SPDX-License-Identifier: GPL-2.0-only
/* OutputFile: what a stream goes to: a new file, or standard output. */
#pragma once

#include <cstdio>
#include <optional>
#include <string>

#include "new_file.hpp"

namespace dmsnap::tool {

class OutputFile {
public:
	/* Empty: standard output, unless that is a terminal.  These throw a Failure. */
	explicit OutputFile(const std::string &path);
	~OutputFile();
	OutputFile(const OutputFile &) = delete;
	OutputFile &operator=(const OutputFile &) = delete;

	FILE *get() const { return file_; }
	/* All was written: a new file is durable, and has its name. */
	void end();

private:
	std::optional<NewFile> new_;
	FILE *file_ = stdout;
};

} // namespace dmsnap::tool
