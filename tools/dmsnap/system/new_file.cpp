// SPDX-License-Identifier: GPL-2.0-only
#include "system/new_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/failure.hpp"
#include "system/signals_blocked.hpp"

namespace dmsnap::tool {
namespace {

/* For the signal handler, which may neither allocate nor wait; empty: free. */
struct Slot {
	char path[PATH_MAX];
};
std::array<Slot, 4> slots;

void remove_and_end(int signal)
{
	for (const Slot &slot : slots) {
		if (slot.path[0])
			unlink(slot.path);
	}
	/* With the original handler of the signal. */
	raise(signal);
}

/* A signal that is ignored, as under nohup, stays ignored. */
void catch_signals()
{
	static bool caught = false;
	struct sigaction action = {};

	if (std::exchange(caught, true))
		return;
	action.sa_handler = remove_and_end;
	action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
	for (int signal : ending_signals) {
		struct sigaction now = {};
		if (sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_DFL)
			sigaction(signal, &action, nullptr);
	}
}

Slot *slot_of(const std::string &path)
{
	auto found =
		std::ranges::find_if(slots, [&](const Slot &slot) { return path == slot.path; });
	return found == slots.end() ? nullptr : &*found;
}

std::string folder_of(const std::string &path)
{
	size_t slash = path.rfind('/');
	return slash == std::string::npos ? "./" : path.substr(0, slash + 1);
}

/* mkostemp() replaces these letters. */
constexpr std::string_view letters = "XXXXXX";

std::string temporary_name(const std::string &path)
{
	return fmt::format(".{}.dmsnap-{}", path.substr(path.rfind('/') + 1), letters);
}

} // namespace

void NewFile::fail(const std::string &what) const
{
	throw Failure(fmt::format("{}: {}: {}", path_, what, std::strerror(errno)));
}

NewFile::NewFile(std::string path, mode_t mode) : path_(std::move(path))
{
	struct stat about;

	if (lstat(path_.c_str(), &about) == 0)
		throw Failure(path_ + ": is there already");
	if (errno != ENOENT)
		fail("cannot be made");
	make(mode & (S_IRUSR | S_IWUSR));
}

NewFile NewFile::in_place_of(const std::string &path)
{
	NewFile file;
	struct stat about;
	std::unique_ptr<char, decltype(&std::free)> resolved(realpath(path.c_str(), nullptr),
							     std::free);

	file.path_ = resolved ? resolved.get() : path;
	file.replaces_ = true;
	if (!resolved || stat(file.path_.c_str(), &about) != 0)
		file.fail("cannot be replaced");
	file.make(S_IRUSR | S_IWUSR);
	if (fchown(file.descriptor_, about.st_uid, about.st_gid) != 0 ||
	    fchmod(file.descriptor_, about.st_mode & ALLPERMS) != 0)
		file.fail("cannot be replaced by a file of the same owner");
	return file;
}

NewFile NewFile::with_name(const std::string &path)
{
	NewFile file;

	file.path_ = path;
	file.replaces_ = true;
	file.make(S_IRUSR | S_IWUSR);
	return file;
}

void NewFile::make(mode_t mode)
{
	temporary_ = folder_of(path_) + temporary_name(path_);
	if (temporary_.size() >= PATH_MAX) {
		errno = ENAMETOOLONG;
		fail("cannot be made");
	}
	catch_signals();
	{
		/* The handler must find both the file and its name, or neither. */
		SignalsBlocked blocked;
		descriptor_ = mkostemp(temporary_.data(), O_CLOEXEC);
		Slot *slot = slot_of("");
		if (descriptor_ >= 0 && slot)
			std::memcpy(slot->path, temporary_.c_str(), temporary_.size() + 1);
	}
	if (descriptor_ < 0) {
		temporary_.clear();
		fail("cannot be made");
	}
	if (fchmod(descriptor_, mode) != 0) {
		forget();
		fail("cannot be kept from others");
	}
}

NewFile::NewFile(NewFile &&other) noexcept
    : path_(std::move(other.path_)), temporary_(std::exchange(other.temporary_, {})),
      descriptor_(std::exchange(other.descriptor_, -1)), replaces_(other.replaces_)
{
}

NewFile::~NewFile()
{
	if (!temporary_.empty())
		forget();
}

int NewFile::take_descriptor()
{
	return std::exchange(descriptor_, -1);
}

void NewFile::forget()
{
	int error = errno;

	{
		SignalsBlocked blocked;
		unlink(temporary_.c_str());
		if (Slot *slot = slot_of(temporary_))
			slot->path[0] = 0;
	}
	temporary_.clear();
	if (descriptor_ >= 0)
		close(descriptor_);
	errno = error;
}

void NewFile::give_name()
{
	if (replaces_) {
		if (rename(temporary_.c_str(), path_.c_str()) != 0)
			fail("cannot be replaced");
		return;
	}
	if (renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) == 0)
		return;
	/* A file system without this may have hard links, which do not replace anything either. */
	if (errno != EINVAL || link(temporary_.c_str(), path_.c_str()) != 0)
		fail("cannot be given its name");
}

void NewFile::appear(int descriptor)
{
	if (fsync(descriptor) != 0)
		fail("flushing failed");
	give_name();
	forget();
	sync_folder_of(path_);
}

void remove_parts_of(const std::string &path)
{
	const std::string wanted = temporary_name(path);
	const std::string beginning = wanted.substr(0, wanted.size() - letters.size());
	std::error_code error, gone;
	std::filesystem::directory_iterator entry(folder_of(path), error), end;

	for (; !error && entry != end; entry.increment(error)) {
		const std::string name = entry->path().filename();
		if (name.size() != wanted.size() || !name.starts_with(beginning) ||
		    entry->symlink_status(gone).type() != std::filesystem::file_type::regular)
			continue;
		if (unlink(entry->path().c_str()) != 0 && errno != ENOENT)
			throw Failure(fmt::format("{}: cannot be removed: {}",
						  entry->path().string(), std::strerror(errno)));
	}
	if (error && error != std::errc::no_such_file_or_directory)
		throw Failure(
			fmt::format("{}: cannot be read: {}", folder_of(path), error.message()));
}

void sync_folder_of(const std::string &path)
{
	int folder = open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool durable = folder >= 0 && fsync(folder) == 0;
	int error = errno;
	if (folder >= 0)
		close(folder);
	if (!durable)
		throw Failure(fmt::format("{}: is there, but its name may not be durable: {}", path,
					  std::strerror(error)));
}

} // namespace dmsnap::tool
