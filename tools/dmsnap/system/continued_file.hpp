// SPDX-License-Identifier: GPL-2.0-only
/*
 * ContinuedFile: a file with the beginning of what will be written, which is completed.
 *
 * What is written is compared with the file as far as that goes, and the rest is added to it.  So
 * the complete file is what it would be without the interruption, to the byte, or nothing in it
 * was changed.  It keeps its name, and what it has, if this is interrupted as well.
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
	/* @path: a file that no other process completes.  These throw a Failure. */
	explicit ContinuedFile(std::string path);
	~ContinuedFile();
	ContinuedFile(const ContinuedFile &) = delete;
	ContinuedFile &operator=(const ContinuedFile &) = delete;

	/* Writing to it fails if that is not what the file has; why() then throws. */
	FILE *get() const { return file_; }
	void why() const;
	/* Everything was written: makes it durable. */
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
