// SPDX-License-Identifier: GPL-2.0-only
/*
 * "dmsnap doctor --root" with any system.  It must end, whatever it finds there.
 *
 * input: options | things: path, kind, and what the kind needs
 *
 * The contents of a file stand for what libkmod finds: see fuzz/tool/find_module.cpp.
 */
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.hpp"
#include "fuzz/input.hpp"
#include "fuzz/tool/files.hpp"

namespace dmsnap::fuzz {
namespace {

namespace fs = std::filesystem;
using namespace tool;

#define MODULES "lib/modules/6.1.0-99-amd64/"

/* All that doctor reads, and directories above that. */
constexpr auto paths = std::to_array<std::string_view>({
	MODULES "modules.dep.bin",
	MODULES "modules.dep",
	MODULES "kernel/drivers/md/dm-snapshot.ko",
	MODULES "updates/dkms/dm-snapshot.ko",
	MODULES "updates/dkms/dm-snapshot.ko.xz",
	MODULES "updates",
	MODULES "build/include/config/auto.conf",
	MODULES "build",
	MODULES "",
	"lib/modules",
	"lib",
	"proc/sys/kernel/osrelease",
	"proc",
	"sys/module/dm_snapshot/version",
	"sys/module/dm_snapshot/refcnt",
	"sys/module/module/parameters/sig_enforce",
	"sys/module",
	"sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
	"sys/firmware",
	"sys/kernel/security/lockdown",
	"boot/initrd.img-6.1.0-99-amd64",
	"usr/src/dmsnap-0.1.0/dkms.conf",
	"usr/src/dmsnap-0.1.0",
	"usr/src",
	"usr/sbin/dkms",
	"usr/sbin/dmsetup",
	"usr/bin/g++-12",
	"usr",
});

/*
 * The root directory, which all runs share: making it takes longer than examining it.  A run begins
 * with the directories without which doctor stops early.
 */
class System {
public:
	System() : root_(file_path("root"))
	{
		remove_files();
		mkdir(root_.c_str(), 0700);
	}

	const std::string &root() const { return root_; }

	void begin()
	{
		for (const char *folder : {MODULES "updates/", "sys/module/", "usr/src/"})
			make_folders_of(folder);
		/* These stay. */
		made_.clear();
	}

	/* Removes what the run has made. */
	void end()
	{
		for (; !made_.empty(); made_.pop_back())
			std::remove(made_.back().c_str());
	}

	/*
	 * The path of something new.  Replaces links on the path by directories, so that the input
	 * stays below the root.
	 */
	std::string path_for(std::string_view name)
	{
		make_folders_of(name);
		std::string path = root_ + "/" + std::string(name);
		if (std::remove(path.c_str()) != 0 && errno != ENOENT)
			fs::remove_all(path);
		made_.push_back(path);
		return path;
	}

private:
	void make_folders_of(std::string_view name)
	{
		for (size_t slash = name.find('/'); slash != name.npos;
		     slash = name.find('/', slash + 1)) {
			std::string path = root_ + "/" + std::string(name.substr(0, slash));
			struct stat about;
			bool is_there = lstat(path.c_str(), &about) == 0;
			if (is_there && S_ISDIR(about.st_mode))
				continue;
			if (is_there)
				std::remove(path.c_str());
			mkdir(path.c_str(), 0700);
			made_.push_back(path);
		}
	}

	std::string root_;
	std::vector<std::string> made_;
};

std::string text_of(std::span<const uint8_t> bytes)
{
	return {bytes.begin(), bytes.end()};
}

void add_thing(System &system, Input &input)
{
	enum Kind { file, large_file, fifo, folder, link, link_to_path, kinds };

	std::string_view name = paths[input.byte() % paths.size()];
	if (name.ends_with('/'))
		name.remove_suffix(1);
	const auto kind = input.byte() % kinds;
	const auto contents = input.take(input.byte());
	const std::string path = system.path_for(name);

	switch (kind) {
	case file:
		write_file("root/" + std::string(name), contents);
		break;
	case large_file:
		write_file("root/" + std::string(name), contents);
		truncate(path.c_str(), off_t{1} << 40);
		break;
	case fifo:
		mkfifo(path.c_str(), 0600);
		break;
	case folder:
		mkdir(path.c_str(), 0700);
		break;
	case link:
		symlink(text_of(contents).c_str(), path.c_str());
		break;
	case link_to_path: {
		const size_t which = (contents.empty() ? 0u : contents[0]) % paths.size();
		symlink(("/" + std::string(paths[which])).c_str(), path.c_str());
		break;
	}
	}
}

void examine(Input &input)
{
	static System system;
	const uint8_t how = input.byte();
	system.begin();
	while (!input.empty())
		add_thing(system, input);

	DoctorOptions options;
	options.root = system.root();
	options.release = how & 1 ? "" : "6.1.0-99-amd64";
	options.json = how & 2;
	run([&] { return doctor(options); });
	system.end();
}

} // namespace
} // namespace dmsnap::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dmsnap::fuzz::Input input(data, size);
	dmsnap::fuzz::examine(input);
	return 0;
}
