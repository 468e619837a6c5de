// SPDX-License-Identifier: GPL-2.0-only
#include "live/installation.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fmt/format.h>

#include "live/module_file.hpp"
#include "system/failure.hpp"
#include "system/regular_file.hpp"

namespace dmsnap::tool {
namespace {

namespace fs = std::filesystem;

/* Paths below the root of a system.  An error means that the path does not exist. */
class Root {
public:
	explicit Root(const std::string &path)
	{
		std::error_code error;
		root_ = fs::canonical(path, error) / "";
		if (error)
			throw Failure(fmt::format("{}: {}", path, error.message()));
		descriptor_ = open(root_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	~Root() { close(descriptor_); }
	Root(const Root &) = delete;
	Root &operator=(const Root &) = delete;

	/*
	 * Resolves the path as the system itself would: absolute links, and links with "..", do
	 * not lead out of the root.  Empty if it does not exist.
	 */
	fs::path at(std::string_view path) const
	{
		open_how how = {};
		how.flags = O_PATH | O_CLOEXEC;
		how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
		std::error_code error;
		auto found = static_cast<int>(syscall(
			SYS_openat2, descriptor_, std::string(path).c_str(), &how, sizeof(how)));
		if (found < 0)
			return {};
		fs::path where = fs::read_symlink(fmt::format("/proc/self/fd/{}", found), error);
		close(found);
		return error ? fs::path() : where;
	}

	bool has(std::string_view path) const
	{
		std::error_code error;
		return fs::exists(at(path), error);
	}

	/* Files of the kernel are not longer. */
	static constexpr size_t page = 4096;

	/* The file's text, or the beginning of a longer one; empty if it cannot be read. */
	std::string text(const fs::path &path, size_t bytes = page) const
	try {
		std::optional<RegularFile> file = read_beginning(path, bytes);
		return file ? std::move(file->text) : "";
	} catch (const Failure &) {
		return {};
	}

	std::string word(std::string_view path) const
	{
		std::string all = text(at(path));
		return all.substr(0, all.find_first_of(" \n"));
	}

	/* The path as the system itself sees it. */
	std::string name(const fs::path &path) const
	{
		return "/" + path.lexically_relative(root_).string();
	}

private:
	fs::path root_;
	int descriptor_ = -1;
};

/* Is @text safe as a file name and as a word of a command? */
bool is_release(const std::string &text)
{
	return !text.empty() && text[0] != '.' && text[0] != '-' &&
	       std::ranges::all_of(text, [](unsigned char c) {
		       return std::isalnum(c) || std::strchr("+-._~", c);
	       });
}

std::string running_release()
{
	utsname names{};
	uname(&names);
	return names.release;
}

/* @release: "6.12.3-amd64", for example.  The build sets the tested series: "7.3 6.12 6.1". */
bool is_tested(const std::string &release)
{
	size_t minor = release.find('.') + 1;
	std::string series = release.substr(0, release.find_first_not_of("0123456789", minor));
	return fmt::format(" {} ", DMSNAP_TESTED_KERNELS).contains(fmt::format(" {} ", series));
}

std::optional<LoadedModule> look_at_loaded(const Root &root)
{
	if (!root.has("/sys/module"))
		throw Failure("cannot tell which driver is loaded: /sys is not mounted");
	if (!root.has("/sys/module/dm_snapshot"))
		return {};
	LoadedModule loaded{.version = root.word("/sys/module/dm_snapshot/version")};
	/* The in-tree module has no version. */
	loaded.ours = !loaded.version.empty();
	loaded.users =
		std::strtoul(root.word("/sys/module/dm_snapshot/refcnt").c_str(), nullptr, 10);
	return loaded;
}

std::vector<std::string> look_for_files(const Root &root, const fs::path &folder)
{
	std::vector<std::string> found;
	std::error_code error;
	for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end;
	     at.increment(error)) {
		if (at->path().filename().string().starts_with("dm-snapshot.ko"))
			found.push_back(root.name(at->path()));
	}
	return found;
}

bool older(const fs::path &one, const fs::path &other)
{
	std::error_code error, other_error;
	auto time = fs::last_write_time(one, error);
	auto other_time = fs::last_write_time(other, other_error);
	return !error && !other_error && time < other_time;
}

/* The C++ compiler for the kernel's C compiler, as in the module's build. */
std::string compiler_of(const Root &root, const std::string &headers)
{
	/* Some kernels quote the value. */
	constexpr std::string_view key = "CONFIG_CC_VERSION_TEXT=";
	constexpr size_t longest = 1 << 20;
	std::string config = root.text(root.at(headers + "/include/config/auto.conf"), longest);
	size_t begin = config.find(key);
	if (begin == std::string::npos)
		return {};
	begin += key.size();
	begin += config.compare(begin, 1, "\"") == 0;
	std::string name = config.substr(begin, config.find_first_of(" \"\n", begin) - begin);
	size_t gcc = name.rfind("gcc");
	/* The name becomes part of a command that the user is told to run. */
	if (gcc == std::string::npos ||
	    name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789+-._", gcc) !=
		    std::string::npos)
		return {};
	/* x86_64-linux-gnu-gcc-12: the package and the program are g++-12. */
	return "g++" + name.substr(gcc + 3);
}

void look_at_dkms(const Root &root, Installation &installation)
{
	std::error_code error;
	for (fs::directory_iterator at(root.at("/usr/src"), error), end; !error && at != end;
	     at.increment(error)) {
		if (at->path().filename().string().starts_with("dmsnap-") &&
		    root.has(root.name(at->path() / "dkms.conf")))
			installation.dkms_source = root.name(at->path());
	}
	std::string headers = fmt::format("/lib/modules/{}/build", installation.release);
	installation.has_dkms = root.has("/usr/sbin/dkms");
	installation.has_headers = root.has(headers + "/include/config/auto.conf");
	installation.compiler = compiler_of(root, headers);
	installation.has_compiler = root.has("/usr/bin/" + installation.compiler);
}

std::optional<bool> look_at_secure_boot(const Root &root)
{
	if (!root.has("/sys/firmware"))
		return {};
	if (!root.has("/sys/firmware/efi"))
		return false;
	/* Four bytes of attributes, then the value. */
	std::string value = root.text(root.at(
		"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"));
	if (value.size() != 5)
		return {};
	return value[4] == 1;
}

bool signatures_enforced(const Root &root)
{
	std::string lockdown = root.text(root.at("/sys/kernel/security/lockdown"));
	return root.word("/sys/module/module/parameters/sig_enforce") == "Y" ||
	       (lockdown.find('[') != std::string::npos &&
		lockdown.find("[none]") == std::string::npos);
}

} // namespace

Installation look_at_installation(const std::string &path, const std::string &release)
{
	Root root(path);
	Installation installation;
	installation.release = release.empty() ? running_release() : release;
	installation.running = installation.release == running_release() ||
			       installation.release == root.word("/proc/sys/kernel/osrelease");
	if (!is_release(installation.release))
		throw Failure(fmt::format("\"{}\" is not a kernel release", installation.release));
	installation.tested = is_tested(installation.release);
	std::string modules = "/lib/modules/" + installation.release;
	if (!root.has(modules))
		throw Failure(fmt::format("there are no modules of kernel {}: no folder {}",
					  installation.release, modules));
	if (installation.running)
		installation.loaded = look_at_loaded(root);

	installation.file = find_module(root.at(modules), "dm-snapshot");
	if (installation.file) {
		fs::path file = installation.file->path;
		installation.file->path = root.name(file);
		installation.initramfs_outdated =
			older(root.at("/boot/initrd.img-" + installation.release), file);
	}
	for (std::string &name : look_for_files(root, root.at(modules + "/updates"))) {
		if (!installation.file || installation.file->path != name)
			installation.unlisted.push_back(std::move(name));
	}

	look_at_dkms(root, installation);
	installation.has_dmsetup = root.has("/sbin/dmsetup") || root.has("/usr/sbin/dmsetup");
	installation.secure_boot = look_at_secure_boot(root);
	installation.signatures_enforced = signatures_enforced(root);
	return installation;
}

} // namespace dmsnap::tool
