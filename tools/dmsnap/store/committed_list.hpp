// SPDX-License-Identifier: GPL-2.0-only
/*
 * CommittedList: the store of an active snapshot up to its last commit.  Later entries read as
 * zeros, as if the list ended there.
 *
 * Earlier entries do not change, because a snapshot only adds to its list.
 */
#pragma once

#include "format/geometry.hpp"
#include "store/byte_source.hpp"

namespace dmsnap::tool {

class CommittedList final : public ByteSource {
public:
	/* @entries: how many are committed.  @store must outlive this. */
	CommittedList(ByteSource &store, ChunkSize chunk_size, uint64_t entries)
	    : store_(store), geometry_(chunk_size), entries_(entries)
	{
	}

	uint64_t bytes() const override { return store_.bytes(); }
	/* Reads a part of the header, or whole entries of one area. */
	bool read(uint64_t offset, std::span<std::byte> data) override;

private:
	ByteSource &store_;
	format::Geometry geometry_;
	uint64_t entries_;
};

} // namespace dmsnap::tool
