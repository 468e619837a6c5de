// SPDX-License-Identifier: GPL-2.0-only
#include "system/volume.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/chunk.hpp"
#include "store/image_lock.hpp"
#include "system/failure.hpp"
#include "system/loop_file.hpp"
#include "system/needs_root.hpp"

namespace dmsnap::tool {
namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path &path)
{
	std::ifstream file(path);
	std::string line;
	std::getline(file, line);
	return line;
}

/* The devices that are built on this one, by the names that users know. */
std::string holders_of(dev_t device)
{
	std::string names;
	std::error_code ignored;
	fs::path folder = fmt::format("/sys/dev/block/{}:{}/holders", major(device), minor(device));
	for (const fs::directory_entry &holder : fs::directory_iterator(folder, ignored)) {
		std::string name = first_line(holder.path() / "dm/name");
		if (name.empty())
			name = holder.path().filename();
		names += (names.empty() ? "" : ", ") + name;
	}
	return names;
}

/* Repeats @call until all is done, an error, or the end.  Returns how much was done. */
template <typename Call> size_t repeat(size_t wanted, const Call &call)
{
	size_t done = 0;
	while (done < wanted) {
		ssize_t now = call(done);
		if (now < 0 && errno == EINTR)
			continue;
		if (now <= 0)
			break;
		done += static_cast<size_t>(now);
	}
	return done;
}

} // namespace

void Volume::fail(const std::string &what) const
{
	throw Failure(fmt::format("{}: {}: {}", path_, what, std::strerror(errno)));
}

Volume::Volume(const std::string &path, Access access) : path_(path)
{
	open_any(access == Access::write ? O_RDWR : O_RDONLY);
	look();
	lock(access);
}

/*
 * The type is that of the opened file, so that nothing can replace the name in between.  A FIFO
 * must not wait for a writer.  Linux ignores O_EXCL for anything but block devices.
 */
void Volume::open_any(int flags)
{
	fd_ = open(path_.c_str(), flags | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	if (fd_ < 0 && errno == EBUSY) {
		struct stat about = {};
		bool known = stat(path_.c_str(), &about) == 0;
		std::string holders = known ? holders_of(about.st_rdev) : "";
		throw Failure(fmt::format(
			"{}: live: {}. Deactivate that first (umount, lvchange -an, dmsetup remove)",
			path_,
			holders.empty() ? "a mounted file system or another program has it"
					: "in use by " + holders));
	}
	if (fd_ < 0)
		fail(needs_root(errno) ? "must be root to open it" : "cannot be opened");
}

Volume::Volume(std::string path, int descriptor) : path_(std::move(path)), fd_(descriptor)
{
}

Volume Volume::create(const std::string &path, uint64_t bytes, mode_t mode)
{
	NewFile file(path, mode);
	Volume volume(path, file.take_descriptor());

	volume.new_.emplace(std::move(file));
	if (ftruncate(volume.fd_, static_cast<off_t>(bytes)) != 0)
		volume.fail(fmt::format("cannot be made {} bytes long", bytes));
	volume.look();
	volume.lock(Access::write);
	return volume;
}

Volume Volume::clone(Volume &image)
{
	if (image.is_block_device_)
		throw Failure(image.path_ + ": is a device, which cannot be exchanged for another");
	NewFile file = NewFile::in_place_of(image.path_);
	Volume copy(image.path_, file.take_descriptor());

	copy.new_.emplace(std::move(file));
	copy.copy_data(image);
	copy.look();
	copy.lock(Access::write);
	return copy;
}

/* Leaves out the holes.  The kernel shares the blocks if it can (XFS, btrfs). */
void Volume::copy_data(Volume &image)
{
	auto size = static_cast<off_t>(image.bytes_);

	if (ftruncate(fd_, size) != 0)
		fail("cannot be made as large as the copy");
	off_t begin = 0;
	while ((begin = lseek(image.fd_, begin, SEEK_DATA)) >= 0) {
		off_t end = lseek(image.fd_, begin, SEEK_HOLE);
		off_t to = begin;
		while (begin < end) {
			ssize_t copied = copy_file_range(image.fd_, &begin, fd_, &to,
							 static_cast<size_t>(end - begin), 0);
			if (copied == 0)
				errno = EIO;
			if (copied <= 0)
				fail("cannot be copied");
		}
	}
	if (errno != ENXIO)
		image.fail("its data cannot be found");
}

Volume Volume::share(const std::string &path)
{
	Volume volume(path, open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC));

	if (volume.fd_ < 0)
		volume.fail("cannot be opened");
	volume.is_shared_ = true;
	volume.look();
	return volume;
}

void Volume::look()
{
	struct stat about;
	if (fstat(fd_, &about) != 0)
		fail("cannot be looked at");
	is_block_device_ = S_ISBLK(about.st_mode);
	if (is_block_device_) {
		int block_bytes = 0;
		if (ioctl(fd_, BLKGETSIZE64, &bytes_) != 0 ||
		    ioctl(fd_, BLKSSZGET, &block_bytes) != 0)
			fail("does not say how large it is");
		block_sectors_ = std::max(static_cast<uint32_t>(block_bytes) / sector_bytes, 1u);
		return;
	}
	if (!S_ISREG(about.st_mode))
		throw Failure(path_ + ": neither a block device nor an image file");
	bytes_ = static_cast<uint64_t>(about.st_size);
	mode_ = about.st_mode & ALLPERMS;
}

void Volume::lock(Access access)
{
	struct stat about;
	if (is_block_device_)
		return;
	if (fstat(fd_, &about) != 0)
		fail("cannot be looked at");
	std::string loop = loop_device_of(about);
	if (!loop.empty())
		throw Failure(
			fmt::format("{}: live: {} stands on it. Name that instead, or detach it "
				    "(losetup -d {})",
				    path_, loop, loop));
	if (!lock_image(fd_, access == Access::write))
		throw Failure(path_ + ": live: another program has it locked");
}

Volume::Volume(Volume &&other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)),
      is_block_device_(other.is_block_device_), is_shared_(other.is_shared_), bytes_(other.bytes_),
      block_sectors_(other.block_sectors_), mode_(other.mode_), new_(std::move(other.new_))
{
}

Volume::~Volume()
{
	if (fd_ >= 0)
		close(fd_);
}

/* Reads whole blocks to page-aligned memory. */
bool Volume::read_around_cache(uint64_t offset, std::span<std::byte> data)
{
	constexpr size_t page = 4096, piece_max = 1 << 20;
	const uint64_t block = block_sectors_ * uint64_t{sector_bytes};
	struct Free {
		void operator()(void *memory) const { std::free(memory); }
	};
	const size_t wanted = (data.size() + 2 * block + page - 1) / page * page;
	const size_t piece_bytes = std::min(wanted, piece_max);
	std::unique_ptr<std::byte, Free> piece(
		static_cast<std::byte *>(std::aligned_alloc(page, piece_bytes)));
	if (!piece)
		throw std::bad_alloc();

	while (!data.empty()) {
		uint64_t begin = offset / block * block;
		uint64_t skip = offset - begin;
		uint64_t end = (offset + data.size() + block - 1) / block * block;
		size_t bytes = std::min<uint64_t>(std::min(end, bytes_) - begin, piece_bytes);
		if (repeat(bytes, [&](size_t done) {
			    return pread(fd_, piece.get() + done, bytes - done,
					 static_cast<off_t>(begin + done));
		    }) != bytes)
			return false;
		size_t taken = std::min<uint64_t>(bytes - skip, data.size());
		std::memcpy(data.data(), piece.get() + skip, taken);
		data = data.subspan(taken);
		offset += taken;
	}
	return true;
}

bool Volume::read(uint64_t offset, std::span<std::byte> data)
{
	if (is_shared_)
		return read_around_cache(offset, data);
	return repeat(data.size(), [&](size_t done) {
		       return pread(fd_, data.data() + done, data.size() - done,
				    static_cast<off_t>(offset + done));
	       }) == data.size();
}

uint64_t Volume::next_data(uint64_t offset) const
{
	off_t found = lseek(fd_, static_cast<off_t>(offset), SEEK_DATA);
	if (found >= 0)
		return static_cast<uint64_t>(found);
	return errno == ENXIO ? bytes_ : offset;
}

void Volume::read_all(uint64_t offset, std::span<std::byte> data)
{
	errno = EIO;
	if (!read(offset, data))
		fail(fmt::format("reading at byte {} failed", offset));
}

void Volume::write(uint64_t offset, std::span<const std::byte> data)
{
	errno = EIO;
	if (repeat(data.size(), [&](size_t done) {
		    return pwrite(fd_, data.data() + done, data.size() - done,
				  static_cast<off_t>(offset + done));
	    }) != data.size())
		fail(fmt::format("writing at byte {} failed", offset));
}

void Volume::zero(uint64_t offset, uint64_t length)
{
	int keep_size = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	if (length == 0 ||
	    fallocate(fd_, keep_size, static_cast<off_t>(offset), static_cast<off_t>(length)) == 0)
		return;
	const std::vector<std::byte> zeros(std::min<uint64_t>(length, 1 << 20));
	while (length) {
		size_t now = std::min<uint64_t>(length, zeros.size());
		write(offset, std::span(zeros).first(now));
		offset += now;
		length -= now;
	}
}

void Volume::sync()
{
	if (fdatasync(fd_) != 0)
		fail("flushing failed");
}

void Volume::appear()
{
	if (new_)
		new_->appear(fd_);
	else
		sync();
	new_.reset();
}

bool is_there(const std::string &path)
{
	struct stat about;
	if (stat(path.c_str(), &about) == 0)
		return true;
	if (errno != ENOENT)
		throw Failure(fmt::format("{}: {}", path, std::strerror(errno)));
	return false;
}

bool all_zero(std::span<const std::byte> data)
{
	return data.empty() || (data[0] == std::byte{0} &&
				std::memcmp(data.data(), data.data() + 1, data.size() - 1) == 0);
}

} // namespace dmsnap::tool
