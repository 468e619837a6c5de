// SPDX-License-Identifier: GPL-2.0-only
#include <fmt/format.h>

#include "live/installation.hpp"

namespace dmsnap::tool {
namespace {

/* Why this kernel does not have our module. */
Advice missing_module(const Installation &now)
{
	if (!now.unlisted.empty())
		return {"not_listed",
			fmt::format("{} is there, but modprobe does not know it. Run: depmod -a {}",
				    now.unlisted.front(), now.release)};
	if (now.dkms_source.empty())
		return {"not_installed",
			fmt::format("The driver is not installed for kernel {}. Install the package "
				    "dmsnap-dkms, or in the source: make install KVER={}",
				    now.release, now.release)};
	if (!now.has_dkms)
		return {"no_dkms",
			"DKMS, which builds the driver, is missing. Run: apt install dkms"};
	if (!now.has_headers)
		return {"no_headers",
			fmt::format(
				"The headers of kernel {}, with which DKMS builds the driver, are "
				"missing. Run: apt install linux-headers-{}",
				now.release, now.release)};
	if (!now.compiler.empty() && !now.has_compiler)
		return {"no_compiler",
			fmt::format("The compiler {}, the one of kernel {}, is missing. "
				    "Run: apt install {}",
				    now.compiler, now.release, now.compiler)};
	return {"not_built",
		fmt::format("The driver is not built for kernel {}. Run: dkms autoinstall "
			    "-k {}; if it fails, it names a log that says why",
			    now.release, now.release)};
}

void advise_on_signature(const Installation &now, std::vector<Advice> &todo)
{
	if (!now.file->signer.empty() ||
	    (!now.signatures_enforced && !now.secure_boot.value_or(false)))
		return;
	todo.push_back(
		{"not_signed",
		 fmt::format(
			 "{}, and {} has no signature, so the kernel refuses it. Sign it with "
			 "a key of the machine's owner: DKMS does so where openssl is installed, "
			 "with a key that it makes; then run: mokutil --import "
			 "/var/lib/dkms/mok.pub, and confirm at the next boot",
			 now.secure_boot.value_or(false) ? "Secure Boot is on"
							 : "Only signed modules are loaded",
			 now.file->path)});
}

void advise_on_exchange(const Installation &now, std::vector<Advice> &todo)
{
	if (!now.loaded || (now.loaded->ours && now.loaded->version == now.file->version))
		return;
	std::string what = now.loaded->ours
				   ? fmt::format("Version {} of the driver", now.loaded->version)
				   : "The kernel's own dm_snapshot";
	if (now.loaded->users)
		todo.push_back(
			{"exchange",
			 what + " is loaded and in use. Reboot; or deactivate all snapshots and "
				"their origins (vgchange -an VG), run: modprobe -r dm_snapshot, "
				"and activate them again (vgchange -ay VG)"});
	else
		todo.push_back(
			{"exchange",
			 what + " is loaded, and nothing uses it. Run: modprobe -r dm_snapshot && "
				"modprobe dm-snapshot"});
}

} // namespace

std::vector<Advice> advise(const Installation &now)
{
	std::vector<Advice> todo;

	if (!now.file || !now.file->ours) {
		todo.push_back(missing_module(now));
	} else {
		if (now.file->release != now.release)
			todo.push_back(
				{"other_kernel",
				 fmt::format("{} was built for kernel {}. Build it for {}",
					     now.file->path, now.file->release, now.release)});
		advise_on_signature(now, todo);
		if (now.initramfs_outdated)
			todo.push_back(
				{"initramfs",
				 fmt::format(
					 "The initramfs of kernel {} was made before {} was installed, "
					 "and may load another one. Run: update-initramfs -u -k {}",
					 now.release, now.file->path, now.release)});
		advise_on_exchange(now, todo);
	}
	if (!now.has_dmsetup)
		todo.push_back({"no_dmsetup", "dmsetup is missing. Run: apt install dmsetup"});
	for (const LargeBlocks &blocks : now.large_blocks)
		todo.push_back(
			{"large_blocks",
			 fmt::format("The snapshot {} has logical blocks of {} bytes, as its COW "
				     "device, and its origin of {}: a file system with smaller "
				     "blocks cannot be mounted from it. Take snapshots on disks "
				     "that have the origin's block size",
				     blocks.snapshot, blocks.cow, blocks.origin)});
	return todo;
}

} // namespace dmsnap::tool
