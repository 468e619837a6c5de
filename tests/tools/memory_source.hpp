// SPDX-License-Identifier: GPL-2.0-only
/* MemorySource: a simulated device as the tools read it. */
#pragma once

#include <cstring>
#include <vector>

#include "store/byte_source.hpp"
#include "user/image.hpp"

namespace dmsnap::test {

class MemorySource final : public tool::ByteSource {
public:
	MemorySource(const user::Image &image, uint64_t sectors) : image_(image), sectors_(sectors)
	{
	}

	uint64_t bytes() const override { return sectors_ * 512; }

	bool read(uint64_t offset, std::span<std::byte> data) override
	{
		uint64_t first = offset / 512;
		uint64_t end = (offset + data.size() + 511) / 512;
		if (first < bad_end && end > bad_begin)
			return false;
		std::vector<uint8_t> sectors = image_.read(first, end - first);
		std::memcpy(data.data(), &sectors[offset % 512], data.size());
		return true;
	}

	/* Reads of these sectors fail. */
	uint64_t bad_begin = 0;
	uint64_t bad_end = 0;

private:
	const user::Image &image_;
	uint64_t sectors_;
};

} // namespace dmsnap::test
