// SPDX-License-Identifier: GPL-2.0-only
#include "stream/undo_file.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/chunk.hpp"
#include "system/failure.hpp"
#include "system/new_file.hpp"

namespace dmsnap::tool {

UndoFile::UndoFile(const std::string &path, const StreamInfo &info)
    : path_(path), file_(make(path)),
      stream_(file_, {.volume_bytes = info.volume_bytes, .chunk_sectors = info.chunk_sectors})
{
	settle();
}

FILE *UndoFile::make(const std::string &path)
{
	int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (descriptor < 0)
		throw Failure(fmt::format("{}: cannot be made: {}", path, std::strerror(errno)));
	FILE *file = fdopen(descriptor, "w");
	if (!file)
		throw Failure(fmt::format("{}: {}", path, std::strerror(errno)));
	sync_folder_of(path);
	return file;
}

UndoFile::~UndoFile()
{
	if (!is_ended_) {
		try {
			end();
		} catch (const Failure &) {
			/* The first error is the one that is reported. */
		}
	}
	std::fclose(file_);
}

void UndoFile::keep(const Record &record, std::span<const std::byte> present)
{
	const uint64_t first = record.offset / sector_bytes;
	const uint64_t end = (record.offset + record.length + sector_bytes - 1) / sector_bytes;

	for (uint64_t sector = first; sector < end; sector++) {
		if (kept_.contains(sector))
			throw Failure(fmt::format("the stream has what goes to byte {} twice",
						  sector * sector_bytes),
				      ExitCode::findings);
	}
	if (!kept_.insert(first, end - first))
		throw Failure("not enough memory for --undo of so many places");
	stream_.add(record.offset, present, record.content);
}

void UndoFile::settle()
{
	if (std::fflush(file_) != 0 || fdatasync(fileno(file_)) != 0)
		throw Failure(fmt::format("{}: writing failed: {}", path_, std::strerror(errno)));
	is_needed_ = stream_.records() != 0;
}

void UndoFile::end()
{
	is_ended_ = true;
	if (!is_needed_) {
		if (unlink(path_.c_str()) != 0)
			throw Failure(fmt::format("{}: nothing is in it, and it cannot be removed: "
						  "{}",
						  path_, std::strerror(errno)));
		return;
	}
	stream_.end();
	settle();
}

} // namespace dmsnap::tool
