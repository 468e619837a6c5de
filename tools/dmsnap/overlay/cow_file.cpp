// SPDX-License-Identifier: GPL-2.0-only
#include "overlay/cow_file.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "system/failure.hpp"
#include "system/new_file.hpp"
#include "system/volume.hpp"

namespace dmsnap::tool {

CowFile::CowFile(std::string path, int descriptor, bool is_new)
    : path_(std::move(path)), descriptor_(descriptor), is_new_(is_new)
{
}

CowFile::CowFile(CowFile &&other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)),
      is_new_(std::exchange(other.is_new_, false))
{
}

CowFile::~CowFile()
{
	if (is_new_ && !path_.empty())
		unlink(path_.c_str());
	if (descriptor_ >= 0)
		close(descriptor_);
}

void CowFile::fail(const std::string &what) const
{
	throw Failure(fmt::format("{}: {}: {}", path_.empty() ? "memory" : path_, what,
				  std::strerror(errno)));
}

CowFile CowFile::create(const std::string &path, const Label &label)
{
	CowFile file(path, ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), true);
	if (file.descriptor_ < 0) {
		file.is_new_ = false;
		if (errno == EEXIST)
			throw Failure(
				fmt::format("{}: is there already, from an earlier overlay: "
					    "take that up with \"overlay create --resume\", or "
					    "remove it with \"overlay drop\"",
					    path));
		file.fail("cannot be made");
	}
	file.write(label);
	sync_folder_of(path);
	return file;
}

CowFile CowFile::in_memory(const Label &label)
{
	CowFile file("", memfd_create(label.name.c_str(), MFD_CLOEXEC), true);
	if (file.descriptor_ < 0)
		file.fail("no file can be made there");
	file.write(label);
	return file;
}

CowFile CowFile::open(const std::string &path, Access access)
{
	int flags = (access == Access::write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW |
		    O_NONBLOCK;
	CowFile file(path, ::open(path.c_str(), flags), false);
	if (file.descriptor_ < 0)
		file.fail("cannot be opened");
	if (!S_ISREG(file.about().st_mode))
		throw Failure(path + ": is no regular file");
	return file;
}

struct stat CowFile::about() const
{
	struct stat about;
	if (fstat(descriptor_, &about) != 0)
		fail("cannot be examined");
	return about;
}

std::optional<Label> CowFile::label() const
{
	std::array<std::byte, Label::bytes> bytes;
	if (pread(descriptor_, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
		return {};
	return parse_label(bytes);
}

bool CowFile::is_unfinished() const
{
	std::array<std::byte, Label::bytes> bytes = {};
	return pread(descriptor_, bytes.data(), bytes.size(), 0) >= 0 && all_zero(bytes);
}

void CowFile::require_all_of(const Label &label) const
{
	auto size = static_cast<uint64_t>(about().st_size);
	if (size < Label::bytes + label.cow_bytes)
		throw Failure(fmt::format("{}: is cut off: it is {} bytes long, and was {}", path_,
					  size, Label::bytes + label.cow_bytes));
}

void CowFile::change_label(const std::string &path, const std::function<void(Label &)> &change)
{
	CowFile file = open(path);
	std::optional<Label> label = file.label();
	if (!label)
		throw Failure(path + ": has no label any more");
	change(*label);
	file.write(*label);
}

void CowFile::write(const Label &label)
{
	std::vector<std::byte> bytes = to_bytes(label);
	/* A label from before an extension must not make the file shorter. */
	if (static_cast<uint64_t>(about().st_size) < Label::bytes + label.cow_bytes &&
	    ftruncate(descriptor_, static_cast<off_t>(Label::bytes + label.cow_bytes)) != 0)
		fail(fmt::format("cannot be made {} bytes long", Label::bytes + label.cow_bytes));
	errno = ENOSPC;
	if (pwrite(descriptor_, bytes.data(), bytes.size(), 0) !=
		    static_cast<ssize_t>(bytes.size()) ||
	    fsync(descriptor_) != 0)
		fail("cannot be written");
}

uint64_t promised_bytes_in(const std::string &folder)
{
	constexpr uint64_t block_bytes = 512;
	uint64_t sum = 0;
	std::error_code error;
	for (const auto &entry : std::filesystem::directory_iterator(folder, error)) {
		struct stat about;
		std::string path = entry.path();
		if (!path.ends_with(cow_file_ending) || lstat(path.c_str(), &about) != 0 ||
		    !S_ISREG(about.st_mode))
			continue;
		uint64_t size = static_cast<uint64_t>(about.st_size);
		uint64_t taken = static_cast<uint64_t>(about.st_blocks) * block_bytes;
		sum += size > taken ? size - taken : 0;
	}
	return sum;
}

uint64_t free_bytes_in(const std::string &folder)
{
	struct statvfs about;
	if (statvfs(folder.c_str(), &about) != 0)
		throw Failure(fmt::format("{}: {}", folder, std::strerror(errno)));
	uint64_t free = uint64_t{about.f_bavail} * about.f_frsize;
	uint64_t promised = promised_bytes_in(folder);
	return free > promised ? free - promised : 0;
}

uint64_t free_bytes_in_memory()
{
	std::ifstream file("/proc/meminfo");
	uint64_t sum = 0, kib = 0;
	std::string line, name;
	while (std::getline(file, line)) {
		std::istringstream words(line);
		if (words >> name >> kib && (name == "MemAvailable:" || name == "SwapFree:"))
			sum += kib * 1024;
	}
	return sum;
}

} // namespace dmsnap::tool
