// SPDX-License-Identifier: GPL-2.0-only
/*
 * CommittedList: a store while its snapshot goes on, as far as it was committed: the
 * entries behind that read as zeros, as if the list ended there.
 *
 * What is in front of that stays as it is, for a snapshot only adds to its list.
 */
#pragma once

#include "byte_source.hpp"
#include "format/geometry.hpp"

namespace dmsnap::tool {

class CommittedList final : public ByteSource {
public:
	/* @entries: so many are committed.  @store lives longer. */
	CommittedList(ByteSource &store, ChunkSize chunk_size, uint64_t entries)
	    : store_(store), geometry_(chunk_size), entries_(entries)
	{
	}

	uint64_t bytes() const override { return store_.bytes(); }
	/* Of the header, or of whole entries of one area. */
	bool read(uint64_t offset, std::span<std::byte> data) override;

private:
	ByteSource &store_;
	format::Geometry geometry_;
	uint64_t entries_;
};

} // namespace dmsnap::tool
