// SPDX-License-Identifier: GPL-2.0-only
/*
 * le32, le64: integers in on-disk order, low byte first.  They convert to numbers only
 * explicitly.
 */
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>

namespace dmsnap::format {

template <std::unsigned_integral T> class LittleEndian {
public:
	constexpr LittleEndian() = default;
	constexpr explicit LittleEndian(T value) : raw_(in_disk_order(value)) {}

	constexpr T get() const { return in_disk_order(raw_); }

private:
	/* Its own inverse. */
	static constexpr T in_disk_order(T value)
	{
		if constexpr (std::endian::native == std::endian::little)
			return value;
		else
			return std::byteswap(value);
	}

	T raw_ = 0;
};

using le32 = LittleEndian<uint32_t>;
using le64 = LittleEndian<uint64_t>;

} // namespace dmsnap::format
