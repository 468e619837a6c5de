// SPDX-License-Identifier: GPL-2.0-only
/*
 * Installation: how the driver is installed on a system, and what is loaded there;
 * and advise(), which says what there is to do about it.
 */
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dmsnap::tool {

/* What a module file says about itself. */
struct ModuleFile {
	std::string path;
	/* Is it dmsnap's rather than the kernel's own? */
	bool ours = false;
	std::string version;
	/* Of the kernel that it was built for. */
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
	/* Its series is one of those that the driver's tests run on. */
	bool tested = false;
	/* Is it the running kernel?  Otherwise nothing is known to be loaded. */
	bool running = false;

	std::optional<LoadedModule> loaded;
	/* The module that modprobe would load. */
	std::optional<ModuleFile> file;
	/* In a place that modprobe prefers, but not in depmod's list. */
	std::vector<std::string> unlisted;
	/* The initramfs is older than the file of the module. */
	bool initramfs_outdated = false;

	/* What DKMS would build (empty: nothing), and what it needs for that. */
	std::string dkms_source;
	bool has_dkms = false;
	bool has_headers = false;
	std::string compiler;
	bool has_compiler = false;
	bool has_dmsetup = false;

	/* Unset: cannot be told. */
	std::optional<bool> secure_boot;
	/* The kernel refuses modules without a valid signature. */
	bool signatures_enforced = false;

	/* The active ones; look_at_installation() does not set this. */
	std::vector<LargeBlocks> large_blocks;
};

/* @root: where the system is, "/" for this one; @release: empty for the running kernel. */
Installation look_at_installation(const std::string &root, const std::string &release);

struct Advice {
	/* For programs. */
	std::string_view name;
	/* What is the matter, and what to do. */
	std::string text;
};

/* What to do, in order; empty: nothing is wrong. */
std::vector<Advice> advise(const Installation &installation);

} // namespace dmsnap::tool
