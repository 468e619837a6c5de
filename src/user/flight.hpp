// SPDX-License-Identifier: GPL-2.0-only
/* Device::Flight: an I/O in flight.  For the files of Device only. */
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "user/device.hpp"

namespace dmsnap::user {

constexpr size_t sector_bytes = 512;

inline bool writes(Op op)
{
	return op == Op::write || op == Op::zero || op == Op::discard;
}

/* The data, as it is now. */
inline std::vector<uint8_t> gather(const DeviceIo &io)
{
	std::vector<uint8_t> data;
	data.reserve(io.sectors * sector_bytes);
	for (auto piece : io.data)
		data.insert(data.end(), piece.begin(), piece.end());
	return data;
}

struct Device::Flight {
	static constexpr uint64_t never = UINT64_MAX;

	DeviceIo io;
	uint64_t sector = 0;
	uint64_t sectors = 0;
	/* The data, of a write as it was at submission; empty means zeros. */
	std::vector<uint8_t> data;
	uint64_t life = 0;
	/* Its flush phase covers what completed before this. */
	uint64_t flush_up_to = 0;
	int error = 0;
	int flush_error = 0;
	/* Never reaches the medium. */
	bool refused = false;
	bool unsupported = false;
	bool visible = false;
	/* Running numbers: of writes that arrive, of writes that complete. */
	uint64_t number = 0;
	uint64_t completion = never;

	void put(Image &image, uint64_t at, size_t offset) const
	{
		if (data.empty())
			image.zero(at, 1);
		else
			image.write(at, std::span(data).subspan(offset, sector_bytes));
	}
};

} // namespace dmsnap::user
