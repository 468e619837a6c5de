// SPDX-License-Identifier: GPL-2.0-only
#include "system/continued_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/failure.hpp"
#include "system/new_file.hpp"

namespace dmsnap::tool {
namespace {

int open_alone(const std::string &path)
{
	struct stat about = {};
	int descriptor = open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (descriptor < 0)
		throw Failure(fmt::format("{}: cannot be opened: {}", path, std::strerror(errno)));
	const char *trouble = nullptr;
	if (fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode))
		trouble = "is not a file";
	else if (flock(descriptor, LOCK_EX | LOCK_NB) != 0)
		trouble = "another program has it";
	if (trouble) {
		close(descriptor);
		throw Failure(fmt::format("{}: {}", path, trouble));
	}
	return descriptor;
}

} // namespace

ContinuedFile::ContinuedFile(std::string path)
    : path_(std::move(path)), descriptor_(open_alone(path_)),
      file_(fopencookie(this, "w", {.read = {}, .write = take, .seek = {}, .close = {}}))
{
	struct stat about = {};
	if (!file_ || fstat(descriptor_, &about) != 0) {
		trouble_ = fmt::format("{}: {}", path_, std::strerror(errno));
		if (file_)
			std::fclose(file_);
		close(descriptor_);
		throw Failure(trouble_);
	}
	bytes_before_ = static_cast<uint64_t>(about.st_size);
}

ContinuedFile::~ContinuedFile()
{
	std::fclose(file_);
	close(descriptor_);
}

void ContinuedFile::why() const
{
	if (!trouble_.empty())
		throw Failure(trouble_, differs_ ? ExitCode::findings : ExitCode::failed);
}

void ContinuedFile::end()
{
	const bool is_taken = std::fflush(file_) == 0;
	why();
	if (!is_taken || fsync(descriptor_) != 0)
		throw Failure(fmt::format("{}: writing failed: {}", path_, std::strerror(errno)));
	if (at_ < bytes_before_)
		throw Failure(fmt::format("{}: is not the beginning of this stream, which has {} "
					  "bytes, but {}",
					  path_, at_, bytes_before_),
			      ExitCode::findings);
	sync_folder_of(path_);
}

/* For fopencookie(): 0 is an error.  No exception may pass through the C library. */
ssize_t ContinuedFile::take(void *self, const char *data, size_t bytes)
{
	auto &file = *static_cast<ContinuedFile *>(self);
	const uint64_t left = file.bytes_before_ - std::min(file.bytes_before_, file.at_);
	const size_t compared = std::min<uint64_t>(bytes, left);
	if (!file.trouble_.empty() || !file.compare(data, compared) ||
	    !file.append(data + compared, bytes - compared))
		return 0;
	return static_cast<ssize_t>(bytes);
}

bool ContinuedFile::compare(const char *data, size_t bytes)
{
	present_.resize(std::max(present_.size(), bytes));
	for (size_t done = 0; done < bytes;) {
		ssize_t got = pread(descriptor_, present_.data() + done, bytes - done,
				    static_cast<off_t>(at_ + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			trouble_ = fmt::format("{}: reading failed: {}", path_,
					       got < 0 ? std::strerror(errno) : "it was shortened");
			return false;
		}
		done += static_cast<size_t>(got);
	}
	auto [differing, other] = std::mismatch(data, data + bytes, present_.data());
	if (differing != data + bytes) {
		trouble_ = fmt::format("{}: is not the beginning of this stream: byte {} differs; "
				       "nothing was changed",
				       path_, at_ + static_cast<uint64_t>(differing - data));
		differs_ = true;
		return false;
	}
	at_ += bytes;
	return true;
}

bool ContinuedFile::append(const char *data, size_t bytes)
{
	while (bytes) {
		ssize_t written = pwrite(descriptor_, data, bytes, static_cast<off_t>(at_));
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0) {
			trouble_ =
				fmt::format("{}: writing failed: {}", path_, std::strerror(errno));
			return false;
		}
		data += written;
		bytes -= static_cast<size_t>(written);
		at_ += static_cast<uint64_t>(written);
	}
	return true;
}

} // namespace dmsnap::tool
