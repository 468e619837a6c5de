// SPDX-License-Identifier: GPL-2.0-only
/*
 * Installation: how the driver is installed on a system, and what is loaded.  advise() says what
 * to do about it.
 */
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dmsnap::tool {

/* The fields of a module file. */
struct ModuleFile {
	std::string path;
	/* It is dmsnap's module and not the in-tree one. */
	bool ours = false;
	std::string version;
	/* The release of the kernel that it was built for. */
	std::string release;
	/* The signer; empty: it is not signed. */
	std::string signer;
};

struct LoadedModule {
	bool ours = false;
	std::string version;
	unsigned long users = 0;
};

/* A snapshot whose COW device has larger logical blocks than its origin; sizes in bytes. */
struct LargeBlocks {
	std::string snapshot;
	unsigned long cow = 0;
	unsigned long origin = 0;
};

struct Installation {
	std::string release;
	/* The driver's tests run on this kernel's series. */
	bool tested = false;
	/* It is the running kernel.  For another one nothing is known to be loaded. */
	bool running = false;

	std::optional<LoadedModule> loaded;
	/* The module that modprobe would load. */
	std::optional<ModuleFile> file;
	/* Modules that modprobe would prefer, but that are not in depmod's list. */
	std::vector<std::string> unlisted;
	/* The initramfs is older than the module file. */
	bool initramfs_outdated = false;

	/* What DKMS would build (empty: nothing), and what it needs for it. */
	std::string dkms_source;
	bool has_dkms = false;
	bool has_headers = false;
	std::string compiler;
	bool has_compiler = false;
	bool has_dmsetup = false;

	/* Unset if it is not known. */
	std::optional<bool> secure_boot;
	/* The kernel refuses modules without a valid signature. */
	bool signatures_enforced = false;

	/* Of active snapshots.  look_at_installation() does not set this. */
	std::vector<LargeBlocks> large_blocks;
};

/* @root: the root of the system, "/" for this one; @release: empty for the running kernel. */
Installation look_at_installation(const std::string &root, const std::string &release);

struct Advice {
	/* The name in JSON. */
	std::string_view name;
	/* What is wrong, and what to do. */
	std::string text;
};

/* What to do, in order; empty if nothing is wrong. */
std::vector<Advice> advise(const Installation &installation);

} // namespace dmsnap::tool
