// SPDX-License-Identifier: GPL-2.0-only
/*
 * "dmsnap doctor --root" with any system.  It must end, whatever it finds there.
 *
 * input: options | things: path, kind, and what the kind needs
 *
 * The contents of a file stand for what libkmod finds: see fuzz/tool/find_module.cpp.
 */
#include <array>
#include <filesystem>
#include <string_view>

#include <sys/stat.h>

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

/* Replaces links on the path by directories, so that the input stays below the root. */
void make_folders(const fs::path &root, const fs::path &relative)
{
	fs::path at = root;
	for (const fs::path &name : relative) {
		at /= name;
		if (!fs::is_directory(fs::symlink_status(at))) {
			fs::remove(at);
			fs::create_directory(at);
		}
	}
}

std::string text_of(std::span<const uint8_t> bytes)
{
	return {bytes.begin(), bytes.end()};
}

void add_thing(const fs::path &root, Input &input)
{
	enum Kind { file, large_file, fifo, folder, link, link_to_path, kinds };

	const fs::path relative = paths[input.byte() % paths.size()];
	const fs::path path = root / (relative.has_filename() ? relative : relative.parent_path());
	const auto kind = input.byte() % kinds;
	const auto contents = input.take(input.byte());
	const std::string name = "root/" + path.lexically_relative(root).string();

	make_folders(root, path.lexically_relative(root).parent_path());
	fs::remove_all(path);
	switch (kind) {
	case file:
		write_file(name, contents);
		break;
	case large_file:
		write_file(name, contents);
		fs::resize_file(path, uint64_t{1} << 40);
		break;
	case fifo:
		mkfifo(path.c_str(), 0600);
		break;
	case folder:
		fs::create_directory(path);
		break;
	case link: {
		std::error_code ignored;
		fs::create_symlink(text_of(contents), path, ignored);
		break;
	}
	case link_to_path:
		fs::create_symlink(
			"/" + std::string(
				      paths[(contents.empty() ? 0u : contents[0]) % paths.size()]),
			path);
		break;
	}
}

void examine(Input &input)
{
	const uint8_t how = input.byte();
	remove_files();
	const fs::path root = file_path("root");
	make_folders(root.parent_path(), "root");
	/* Without these doctor stops early. */
	make_folders(root, MODULES "updates");
	make_folders(root, "sys/module");
	make_folders(root, "usr/src");
	while (!input.empty())
		add_thing(root, input);

	DoctorOptions options;
	options.root = root;
	options.release = how & 1 ? "" : "6.1.0-99-amd64";
	options.json = how & 2;
	run([&] { return doctor(options); });
}

} // namespace
} // namespace dmsnap::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dmsnap::fuzz::Input input(data, size);
	dmsnap::fuzz::examine(input);
	return 0;
}
