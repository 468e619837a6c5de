// SPDX-License-Identifier: GPL-2.0-only
/*
 * LiveStore: the store of an active snapshot, up to a commit that the driver makes on request
 * (message "commit").  The snapshot and its origin stay in use.
 */
#pragma once

#include <optional>
#include <string>

#include "live/device_mapper.hpp"
#include "store/store_reader.hpp"
#include "system/volume.hpp"

namespace dmsnap::tool {

class LiveStore {
public:
	/*
	 * Commits.  @machine must outlive this.  Throws a Failure for a snapshot that is invalid,
	 * transient, or being merged, or whose driver has no messages.
	 */
	LiveStore(DeviceMapper &machine, const LiveSnapshot &snapshot);

	/*
	 * Walks the committed part.  Throws a Failure if the snapshot has changed since the commit.
	 * @memory_bytes: see ReadOptions.
	 */
	StoreReport walk(StoreVisitor &visitor, size_t memory_bytes);
	/* The same; also throws a Failure if something is wrong with it. */
	StoreReport read(StoreVisitor &visitor, size_t memory_bytes);

	const LiveSnapshot &snapshot() const { return snapshot_; }
	Volume &cow() { return cow_; }
	/* How many entries of the list were committed. */
	uint64_t entries() const { return entries_; }
	/* The size of the snapshot. */
	uint64_t bytes() const { return bytes_; }

private:
	void require_unchanged();

	DeviceMapper &machine_;
	LiveSnapshot snapshot_;
	Volume cow_;
	uint64_t bytes_;
	uint64_t entries_;
};

} // namespace dmsnap::tool
