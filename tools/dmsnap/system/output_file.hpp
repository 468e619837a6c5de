// SPDX-License-Identifier: GPL-2.0-only
/* OutputFile: where a stream goes: to a new file, or to standard output. */
#pragma once

#include <cstdio>
#include <optional>
#include <string>

#include "system/new_file.hpp"

namespace dmsnap::tool {

class OutputFile {
public:
	/* Empty: standard output, which must not be a terminal.  These throw a Failure. */
	explicit OutputFile(const std::string &path);
	~OutputFile();
	OutputFile(const OutputFile &) = delete;
	OutputFile &operator=(const OutputFile &) = delete;

	FILE *get() const { return file_; }
	/* After everything was written: makes a new file durable, and names it. */
	void end();

private:
	std::optional<NewFile> new_;
	FILE *file_ = stdout;
};

} // namespace dmsnap::tool
