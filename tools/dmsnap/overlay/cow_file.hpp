// SPDX-License-Identifier: GPL-2.0-only
/*
 * CowFile: the file behind the loop device that is an overlay's COW device.  It has a label, and
 * takes room on disk or in memory only when it is written.
 */
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <sys/stat.h>

#include "overlay/label.hpp"

namespace dmsnap::tool {

class CowFile {
public:
	/* These throw a Failure; a file of this name must not exist. */
	static CowFile create(const std::string &path, const Label &label);
	static CowFile in_memory(const Label &label);
	enum class Access { read, write };
	static CowFile open(const std::string &path, Access access = Access::write);
	~CowFile();
	CowFile(CowFile &&other) noexcept;
	CowFile &operator=(CowFile &&) = delete;

	/* Empty for a file in memory. */
	const std::string &path() const { return path_; }
	int descriptor() const { return descriptor_; }
	struct stat about() const;
	/* None if it has no readable label. */
	std::optional<Label> label() const;
	/* A command was killed before the file had a label. */
	bool is_unfinished() const;
	/* Throws a Failure if the file is shorter than its label says. */
	void require_all_of(const Label &label) const;
	/* Changes the current label of the file; throws a Failure if there is none. */
	static void change_label(const std::string &path,
				 const std::function<void(Label &)> &change);
	/* Makes it durable, and the file at least as large as it says.  The file never shrinks. */
	void write(const Label &label);
	/* The destructor will not remove the file. */
	void keep() { is_new_ = false; }

private:
	CowFile(std::string path, int descriptor, bool is_new);
	[[noreturn]] void fail(const std::string &what) const;

	std::string path_;
	int descriptor_ = -1;
	bool is_new_ = false;
};

constexpr const char *cow_file_ending = ".cow";
/* The ending of a file that will replace another one. */
constexpr const char *new_cow_file_ending = ".cow.new";

/* How much the files in the folder may still grow. */
uint64_t promised_bytes_in(const std::string &folder);
/* How much more the folder's file system, or memory and swap, can take beyond that. */
uint64_t free_bytes_in(const std::string &folder);
uint64_t free_bytes_in_memory();

} // namespace dmsnap::tool
