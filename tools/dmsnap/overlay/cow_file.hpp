// SPDX-License-Identifier: GPL-2.0-only
/*
 * CowFile: what is behind the loop device that is an overlay's COW device: a label, and room
 * that is taken from the disk, or from memory, when it is written to.
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
	/* Throw a Failure; a file of that name must not be there. */
	static CowFile create(const std::string &path, const Label &label);
	static CowFile in_memory(const Label &label);
	enum class Access { read, write };
	static CowFile open(const std::string &path, Access access = Access::write);
	~CowFile();
	CowFile(CowFile &&other) noexcept;
	CowFile &operator=(CowFile &&) = delete;

	/* Of a file in memory, empty. */
	const std::string &path() const { return path_; }
	int descriptor() const { return descriptor_; }
	struct stat about() const;
	/* None: it has no label that can be read. */
	std::optional<Label> label() const;
	/* Somebody was killed before it had a label. */
	bool is_unfinished() const;
	/* Throws a Failure for one that is shorter than its label says. */
	void require_all_of(const Label &label) const;
	/* The label of the file now, changed; throws a Failure if there is none. */
	static void change_label(const std::string &path,
				 const std::function<void(Label &)> &change);
	/* It is durable then, and the file as large as that says, or larger: it never shrinks. */
	void write(const Label &label);
	/* The file stays when this goes. */
	void keep() { is_new_ = false; }

private:
	CowFile(std::string path, int descriptor, bool is_new);
	[[noreturn]] void fail(const std::string &what) const;

	std::string path_;
	int descriptor_ = -1;
	bool is_new_ = false;
};

constexpr const char *cow_file_ending = ".cow";
/* Of one that is to take the place of another. */
constexpr const char *new_cow_file_ending = ".cow.new";

/* What the files there may still take as they fill. */
uint64_t promised_bytes_in(const std::string &folder);
/* What a folder's file system, besides that, or memory and swap space, can still take. */
uint64_t free_bytes_in(const std::string &folder);
uint64_t free_bytes_in_memory();

} // namespace dmsnap::tool
