// SPDX-License-Identifier: GPL-2.0-only
/*
 * NewFile: a file that appears completely or not at all.
 *
 * It is written under a temporary name beside its own, and only its owner may read it.
 * appear() makes its bytes durable, then gives it its name, then makes that durable: after a
 * crash the name stands for all of the file, or there is none.  Without appear() the file
 * is removed, also when a signal ends the program; after a loss of power or SIGKILL it is left
 * behind as ".NAME.dmsnap-XXXXXX".
 */
#pragma once

#include <string>

#include <sys/types.h>

namespace dmsnap::tool {

class NewFile {
public:
	/*
	 * @mode: as of open(); not more than the owner's rights are given.  Throws a Failure
	 * if there is something of that name, or it cannot be made.
	 */
	explicit NewFile(std::string path, mode_t mode = 0600);
	/* Replaces the existing file, with its permissions and owner; a link to it stays. */
	static NewFile in_place_of(const std::string &path);
	/* Takes the place of the file or the link of that name, if there is one. */
	static NewFile with_name(const std::string &path);
	~NewFile();
	NewFile(NewFile &&other) noexcept;
	NewFile &operator=(NewFile &&) = delete;

	/* Open for reading and writing; the caller owns it from now on. */
	int take_descriptor();
	/* @descriptor: the result of take_descriptor(), with all buffers flushed. */
	void appear(int descriptor);

private:
	NewFile() = default;
	void make(mode_t mode);
	[[noreturn]] void fail(const std::string &what) const;
	void give_name();
	void forget();

	std::string path_;
	/* Empty: it has its name, or was moved to another NewFile. */
	std::string temporary_;
	int descriptor_ = -1;
	bool replaces_ = false;
};

/*
 * What SIGKILL or a crash left of a NewFile of that path; no other process may be writing one.
 * Throws a Failure.
 */
void remove_parts_of(const std::string &path);

/* A name that was given in the file's folder is durable; throws a Failure. */
void sync_folder_of(const std::string &path);

} // namespace dmsnap::tool
