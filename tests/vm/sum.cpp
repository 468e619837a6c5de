// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints a checksum of a device's contents, read around the page cache:
 *
 *   sum DEVICE [MEGABYTES [OFFSET_IN_MEGABYTES]]
 *
 * The checksum resists no attacker, but an emulated processor computes it fast, and guest tests
 * compare whole devices all the time.
 */
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace {

constexpr size_t megabyte = 1 << 20;

/* Two sums, which detect words that are swapped or cancel each other out. */
class Sum {
public:
	void add(const uint8_t *data, size_t size)
	{
		for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
			uint64_t word;
			std::memcpy(&word, data + i, sizeof(word));
			low_ = (low_ ^ word) * 0x9e3779b97f4a7c15;
			high_ = (high_ + word) * 0xff51afd7ed558ccd + (high_ >> 47);
		}
	}

	void print() const
	{
		std::printf("%016llx%016llx\n", static_cast<unsigned long long>(high_),
			    static_cast<unsigned long long>(low_));
	}

private:
	uint64_t low_ = 1;
	uint64_t high_ = 1;
};

} // namespace

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	size_t left = argc > 2 && *argv[2] ? std::strtoull(argv[2], nullptr, 10) * megabyte
					   : ~size_t{0};
	off_t at = argc > 3 ? std::strtoll(argv[3], nullptr, 10) * megabyte : 0;
	int fd = open(argv[1], O_RDONLY | O_DIRECT);
	/* A tmpfs has no cache to read around, and refuses O_DIRECT before Linux 6.6. */
	if (fd < 0 && errno == EINVAL)
		fd = open(argv[1], O_RDONLY);
	auto *buffer = static_cast<uint8_t *>(std::aligned_alloc(4096, megabyte));
	ssize_t n = 0;
	Sum sum;
	while (fd >= 0 && buffer && left > 0 &&
	       (n = pread(fd, buffer, std::min(left, megabyte), at)) > 0) {
		sum.add(buffer, n);
		at += n;
		left -= n;
	}
	if (fd < 0 || !buffer || n < 0) {
		std::perror(argv[1]);
		return 1;
	}
	sum.print();
	return 0;
}
