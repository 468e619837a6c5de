// SPDX-License-Identifier: GPL-2.0-only
/*
 * ContinuedFile: completes a file that has the beginning of what will be written.
 *
 * What is written is compared with the file as far as that goes; the rest is appended.  So the
 * complete file is the same as without the interruption, to the byte, or nothing in it was
 * changed.  It keeps its name and contents if this is interrupted as well.
 */
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include <sys/types.h>

namespace dmsnap::tool {

class ContinuedFile {
public:
	/* @path: must not be completed by another process.  These throw a Failure. */
	explicit ContinuedFile(std::string path);
	~ContinuedFile();
	ContinuedFile(const ContinuedFile &) = delete;
	ContinuedFile &operator=(const ContinuedFile &) = delete;

	/* A write fails if it differs from what the file has; then why() throws. */
	FILE *get() const { return file_; }
	void why() const;
	/* After everything was written: makes it durable. */
	void end();

private:
	static ssize_t take(void *self, const char *data, size_t bytes);
	bool compare(const char *data, size_t bytes);
	bool append(const char *data, size_t bytes);

	std::string path_;
	int descriptor_ = -1;
	FILE *file_ = nullptr;
	uint64_t bytes_before_ = 0;
	uint64_t at_ = 0;
	std::string trouble_;
	bool differs_ = false;
	std::vector<char> present_;
};

} // namespace dmsnap::tool
