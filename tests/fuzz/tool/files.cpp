// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/tool/files.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <unistd.h>

namespace dmsnap::fuzz {
namespace {

namespace fs = std::filesystem;

/* A folder in memory; also discards the output of commands. */
struct Folder {
	Folder()
	{
		int nowhere = open("/dev/null", O_WRONLY);
		dup2(nowhere, STDOUT_FILENO);
		close(nowhere);
		char name[] = "/dev/shm/dmsnap-fuzz-XXXXXX";
		if (!mkdtemp(name))
			does_not_hold("there is a folder in /dev/shm");
		path = name;
	}
	~Folder() { fs::remove_all(path); }

	std::string path;
};

Folder &folder()
{
	static Folder the_only;
	return the_only;
}

} // namespace

std::string file_path(const std::string &name)
{
	return folder().path + "/" + name;
}

std::string write_file(const std::string &name, std::span<const uint8_t> bytes)
{
	std::ofstream file(file_path(name), std::ios::binary | std::ios::trunc);
	file.write(reinterpret_cast<const char *>(bytes.data()),
		   static_cast<std::streamsize>(bytes.size()));
	return file_path(name);
}

std::vector<uint8_t> read_file(const std::string &path)
{
	std::ifstream file(path, std::ios::binary | std::ios::ate);
	std::vector<uint8_t> bytes(static_cast<size_t>(std::max<std::streamoff>(file.tellg(), 0)));
	file.seekg(0);
	file.read(reinterpret_cast<char *>(bytes.data()),
		  static_cast<std::streamsize>(bytes.size()));
	return bytes;
}

void remove_files()
{
	for (const fs::directory_entry &file : fs::directory_iterator(folder().path))
		fs::remove_all(file.path());
}

void does_not_hold(const char *what)
{
	std::fprintf(stderr, "dmsnap: does not hold: %s\n", what);
	std::abort();
}

} // namespace dmsnap::fuzz
