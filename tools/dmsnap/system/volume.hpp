// SPDX-License-Identifier: GPL-2.0-only
/*
 * Volume: a block device or an image file, exclusively while it is open.
 *
 * A block device is opened exclusively, which fails while device mapper, a file
 * system or LVM2 has it; an image file is locked, and refused while it is the
 * backing file of a loop device, or QEMU writes to it (image_lock.hpp).  So an active
 * store is never read half written, and never written to.
 *
 * Or, with share(), a device that others use: it is only read, bypassing the kernel's
 * page cache, which may be older than the device.
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
	 * A new image file, of zeros, that has its name from appear() on.  @mode: no more than
	 * the owner's rights of it are given.
	 */
	static Volume create(const std::string &path, uint64_t bytes, mode_t mode = 0600);
	/*
	 * A copy of an image file that shares its blocks if the file system supports that; it
	 * replaces the file when it appears.
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
	/* The logical block, in sectors; images have blocks of one. */
	uint32_t block_sectors() const { return block_sectors_; }
	/* Of an image file. */
	mode_t mode() const { return mode_; }
	bool is_new() const { return new_.has_value(); }
	/* The volume's own. */
	int descriptor() const { return fd_; }

	bool read(uint64_t offset, std::span<std::byte> data) override;
	/*
	 * Where an image next has data, at or after @offset; its end, if there are only holes.
	 * @offset, if that cannot be told.
	 */
	uint64_t next_data(uint64_t offset) const;
	/* These throw. */
	void read_all(uint64_t offset, std::span<std::byte> data);
	void write(uint64_t offset, std::span<const std::byte> data);
	void zero(uint64_t offset, uint64_t length);
	/* Makes all writes durable. */
	void sync();
	/* The same, and names a new image. */
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

/* Does that name exist?  Throws a Failure if that cannot be checked. */
bool is_there(const std::string &path);
/* True if all of @data is zero. */
bool all_zero(std::span<const std::byte> data);

/* "/dev/loop3", that has this file; empty: none has. */
std::string loop_device_of(const struct stat &file);

} // namespace dmsnap::tool
