// SPDX-License-Identifier: GPL-2.0-only
#include "system/output_file.hpp"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <unistd.h>

#include "system/failure.hpp"

namespace dmsnap::tool {

OutputFile::OutputFile(const std::string &path)
{
	if (path.empty()) {
		if (isatty(STDOUT_FILENO))
			throw Failure("a stream is not for a terminal; name a file (--output) or "
				      "pipe it into \"dmsnap apply\"");
		return;
	}
	new_.emplace(path);
	int descriptor = new_->take_descriptor();
	file_ = fdopen(descriptor, "w");
	if (!file_) {
		close(descriptor);
		throw Failure(fmt::format("{}: {}", path, std::strerror(errno)));
	}
}

OutputFile::~OutputFile()
{
	if (file_ && file_ != stdout)
		std::fclose(file_);
}

void OutputFile::end()
{
	if (std::fflush(file_) != 0)
		throw Failure(fmt::format("writing the stream failed: {}", std::strerror(errno)));
	if (new_)
		new_->appear(fileno(file_));
}

} // namespace dmsnap::tool
