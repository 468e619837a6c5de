// SPDX-License-Identifier: GPL-2.0-only
/*
 * CowLimit: how much of a COW device a store may allocate.  The device may grow while it is in
 * use, but the exception table was created for COW chunk numbers of a certain width
 * (Snapshot::make_table()).  The part of the device beyond that limit is not used until the
 * snapshot is loaded again.
 */
#pragma once

#include <dmsnap/port/device.h>

#include "base/chunk.hpp"
#include "base/guard.hpp"

namespace dmsnap {

class CowLimit {
public:
	/* @end: the end of the chunks that the table can hold. */
	CowLimit(ChunkSize chunk_size, NewChunk end) : chunk_size_(chunk_size), end_(end) {}

	/* The usable length of @cow, in sectors.  Context: any. */
	uint64_t sectors(dmsnap_device *cow) const
	{
		uint64_t all = dmsnap_port_device_sectors(cow);
		return reached_by(all) ? chunk_size_.first_sector(end_) : all;
	}

	/* The same in whole chunks.  Context: any. */
	uint64_t chunks(dmsnap_device *cow) const { return chunk_size_.chunks_in(sectors(cow)); }

	/* Logs once if not all of @cow can be used. */
	void tell(dmsnap_device *cow) DMSNAP_MUST_HOLD(origin_lock);

private:
	bool reached_by(uint64_t sectors) const
	{
		return NewChunk{chunk_size_.chunks_in(sectors)} > end_;
	}

	ChunkSize chunk_size_;
	NewChunk end_;
	bool told_ = false;
};

} // namespace dmsnap
