// SPDX-License-Identifier: GPL-2.0-only
/*
 * Volume: a block device or an image file, for exclusive use while it is open.
 *
 * A block device is opened with O_EXCL, which fails if device mapper, a file system or LVM2 has
 * it.  An image file is locked; it is refused if it is the backing file of a loop device, or if
 * QEMU writes to it (image_lock.hpp).  So an active store is never read while it changes, and
 * never written to.
 *
 * share() opens a device that others use.  It is only read, around the kernel's page cache, which
 * may be older than the device.
 */
#pragma once

#include <optional>
#include <string>

#include <sys/stat.h>
#include <sys/types.h>

#include "store/byte_source.hpp"
#include "system/new_file.hpp"

namespace dmsnap::tool {

class Volume final : public ByteSource {
public:
	enum class Access { read, write };

	/* Throws a Failure that says what uses it, or what else is wrong. */
	Volume(const std::string &path, Access access);
	/*
	 * A new image file of zeros, which gets its name from appear().  @mode: only the owner's
	 * permissions are used.
	 */
	static Volume create(const std::string &path, uint64_t bytes, mode_t mode = 0600);
	/*
	 * A copy of an image file, which it replaces when it appears.  Shares the blocks if the
	 * file system can.
	 */
	static Volume clone(Volume &image);
	/* A block device, in use or not. */
	static Volume share(const std::string &path);
	~Volume();
	Volume(Volume &&other) noexcept;
	Volume &operator=(Volume &&) = delete;

	const std::string &path() const { return path_; }
	bool is_block_device() const { return is_block_device_; }
	uint64_t bytes() const override { return bytes_; }
	/* The size of its logical blocks, in sectors; 1 for images. */
	uint32_t block_sectors() const { return block_sectors_; }
	/* The mode of an image file. */
	mode_t mode() const { return mode_; }
	bool is_new() const { return new_.has_value(); }
	/* The volume keeps it. */
	int descriptor() const { return fd_; }

	bool read(uint64_t offset, std::span<std::byte> data) override;
	/*
	 * Where an image has data next, at or after @offset; its end if there are only holes.
	 * Returns @offset if this is not known.
	 */
	uint64_t next_data(uint64_t offset) const;
	/* These throw. */
	void read_all(uint64_t offset, std::span<std::byte> data);
	void write(uint64_t offset, std::span<const std::byte> data);
	void zero(uint64_t offset, uint64_t length);
	/* Makes all writes durable. */
	void sync();
	/* The same; also names a new image. */
	void appear();

private:
	Volume(std::string path, int descriptor);
	void open_any(int flags);
	void copy_data(Volume &image);
	void look();
	void lock(Access access);
	bool read_around_cache(uint64_t offset, std::span<std::byte> data);
	[[noreturn]] void fail(const std::string &what) const;

	std::string path_;
	int fd_ = -1;
	bool is_block_device_ = false;
	bool is_shared_ = false;
	uint64_t bytes_ = 0;
	uint32_t block_sectors_ = 1;
	mode_t mode_ = 0;
	std::optional<NewFile> new_;
};

/* Does the name exist?  Throws a Failure if that cannot be checked. */
bool is_there(const std::string &path);
/* Is all of @data zero? */
bool all_zero(std::span<const std::byte> data);

} // namespace dmsnap::tool
