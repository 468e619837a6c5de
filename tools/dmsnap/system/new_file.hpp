// SPDX-License-Identifier: GPL-2.0-only
/*
 * NewFile: a file that appears complete or not at all.
 *
 * It is written under a temporary name in the same folder, and only its owner may read it.
 * appear() makes its bytes durable, then gives it its name, then makes the name durable.  So
 * after a crash the name stands for the whole file, or there is none.  Without appear() the file
 * is removed, even if a signal ends the program.  A power cut or SIGKILL leaves it as
 * ".NAME.dmsnap-XXXXXX".
 */
#pragma once

#include <string>

#include <sys/types.h>

namespace dmsnap::tool {

class NewFile {
public:
	/*
	 * @mode: as for open(); only the owner's permissions are used.  Throws a Failure if the
	 * name exists, or if the file cannot be made.
	 */
	explicit NewFile(std::string path, mode_t mode = 0600);
	/* Replaces the existing file, and keeps its permissions and owner.  A link to it stays. */
	static NewFile in_place_of(const std::string &path);
	/* Replaces the file or link with this name, if there is one. */
	static NewFile with_name(const std::string &path);
	~NewFile();
	NewFile(NewFile &&other) noexcept;
	NewFile &operator=(NewFile &&) = delete;

	/* Open for reading and writing; the caller owns it from now on. */
	int take_descriptor();
	/* @descriptor: from take_descriptor(), with all buffers flushed. */
	void appear(int descriptor);

private:
	NewFile() = default;
	void make(mode_t mode);
	[[noreturn]] void fail(const std::string &what) const;
	void give_name();
	void forget();

	std::string path_;
	/* Empty if it has its name, or was moved to another NewFile. */
	std::string temporary_;
	int descriptor_ = -1;
	bool replaces_ = false;
};

/*
 * Removes what SIGKILL or a crash left of a NewFile with this path.  No other process may be
 * writing one.  Throws a Failure.
 */
void remove_parts_of(const std::string &path);

/* Makes a new name in the file's folder durable.  Throws a Failure. */
void sync_folder_of(const std::string &path);

} // namespace dmsnap::tool
