// SPDX-License-Identifier: GPL-2.0-only
/* ListWriter: writes the entries of a store to its areas on the device, many at a time. */
#pragma once

#include <vector>

#include "format/geometry.hpp"
#include "store/finding.hpp"
#include "system/volume.hpp"

namespace dmsnap::tool {

class ListWriter {
public:
	ListWriter(Volume &cow, const format::Geometry &geometry) : cow_(cow), geometry_(geometry)
	{
	}

	/* Writes to the place that is given here. */
	void write(const EntryPlace &place);
	/* Zeroes from an entry to the end of its area. */
	void zero_rest(uint64_t area, uint32_t slot);
	void flush();

private:
	uint64_t offset_of(uint64_t area, uint64_t slot) const
	{
		return geometry_.area_chunk(area).value * geometry_.chunk_size().bytes() +
		       slot * format::exception_bytes;
	}

	Volume &cow_;
	format::Geometry geometry_;
	/* Where the buffer will be written. */
	uint64_t begin_ = 0;
	std::vector<std::byte> buffer_;
};

} // namespace dmsnap::tool
