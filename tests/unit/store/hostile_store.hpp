// SPDX-License-Identifier: GPL-2.0-only
/* Damaged and forged stores, for tests that load them. */
#pragma once

#include <functional>

#include "unit/store/store_rig.hpp"

namespace dmsnap::test {

constexpr uint32_t chunk = 8;
constexpr uint64_t chunks = 700;
constexpr Layout layout{chunk};
constexpr uint32_t snap_magic = 0x70416e53;

/* Three good exceptions, then @entry, then a good one. */
inline std::function<void(user::Device &)> fourth(Entry entry)
{
	return [entry](user::Device &device) {
		put_header(device, chunk);
		for (uint64_t n = 0; n < 3; n++)
			put_entry(device, layout, n, {n, n + 2});
		put_entry(device, layout, 3, entry);
		put_entry(device, layout, 4, {50, 60});
	};
}

inline std::function<void(user::Device &)> header(uint32_t magic, uint32_t version,
						  uint32_t chunk_sectors)
{
	return [=](user::Device &device) {
		device.poke(0, header_sector(magic, 1, version, chunk_sectors));
	};
}

/* Both areas of the device are full, and it ends before a third one. */
inline void put_endless(user::Device &device)
{
	put_header(device, chunk);
	for (uint64_t n = 0; n < 512; n++)
		put_entry(device, layout, n, {n, n < 256 ? n + 2 : n + 3});
	device.resize(layout.area_chunk(2) * chunk);
}

} // namespace dmsnap::test
