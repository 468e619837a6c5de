// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/tool/files.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dmsnap::fuzz {
namespace {

namespace fs = std::filesystem;

/*
 * A folder in memory; also discards the output of commands.  It stays open, because opening it
 * takes longer than removing the files of a run.
 */
struct Folder {
	Folder()
	{
		int nowhere = open("/dev/null", O_WRONLY);
		dup2(nowhere, STDOUT_FILENO);
		close(nowhere);
		char name[] = "/dev/shm/dmsnap-fuzz-XXXXXX";
		if (!mkdtemp(name) || !(files = opendir(name)))
			does_not_hold("there is a folder in /dev/shm");
		path = name;
	}
	~Folder()
	{
		closedir(files);
		fs::remove_all(path);
	}

	std::string path;
	DIR *files;
};

Folder &folder()
{
	static Folder the_only;
	return the_only;
}

void require(bool done)
{
	if (!done)
		does_not_hold("files in /dev/shm can be read and written");
}

} // namespace

std::string file_path(const std::string &name)
{
	return folder().path + "/" + name;
}

std::string write_file(const std::string &name, std::span<const uint8_t> bytes)
{
	const std::string path = file_path(name);
	int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	require(file >= 0);
	require(write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
	close(file);
	return path;
}

std::vector<uint8_t> read_file(const std::string &path)
{
	int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
	struct stat about;
	require(file >= 0 && fstat(file, &about) == 0);
	std::vector<uint8_t> bytes(static_cast<size_t>(about.st_size));
	require(read(file, bytes.data(), bytes.size()) == about.st_size);
	close(file);
	return bytes;
}

void remove_files()
{
	DIR *files = folder().files;
	rewinddir(files);
	while (const dirent *file = readdir(files)) {
		const std::string_view name = file->d_name;
		if (name != "." && name != ".." && unlinkat(dirfd(files), file->d_name, 0) != 0)
			fs::remove_all(file_path(file->d_name));
	}
}

void does_not_hold(const char *what)
{
	std::fprintf(stderr, "dmsnap: does not hold: %s\n", what);
	std::abort();
}

} // namespace dmsnap::fuzz
