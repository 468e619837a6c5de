// SPDX-License-Identifier: GPL-2.0-only
/* What the load writes into a sector: its number and the stamp of the write. */
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

constexpr uint32_t sector_size = 512;
constexpr uint64_t bad_stamp = ~uint64_t{0};

struct Half {
	uint64_t stamp;
	uint64_t sector;
};
constexpr size_t halves = sector_size / sizeof(Half);

inline void stamp_sectors(void *data, uint64_t sector, uint32_t count, uint64_t stamp)
{
	auto *half = static_cast<Half *>(data);
	for (uint32_t i = 0; i < count; i++)
		half = std::fill_n(half, halves, Half{stamp, sector + i});
}

/* Zeros, or the FILLING of volatile_disk.py. */
inline bool discarded(const Half *half)
{
	const auto *byte = reinterpret_cast<const uint8_t *>(half);
	return (*byte == 0 || *byte == 0xd5) &&
	       std::all_of(byte, byte + sector_size, [&](uint8_t one) { return one == *byte; });
}

inline uint64_t stamp_of(const Half *half, uint64_t sector)
{
	if (discarded(half))
		return 0;
	for (size_t i = 0; i < halves; i++)
		if (half[i].stamp != half[0].stamp || half[i].sector != sector)
			return bad_stamp;
	return half[0].stamp;
}
