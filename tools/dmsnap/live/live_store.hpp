// SPDX-License-Identifier: GPL-2.0-only
/*
 * LiveStore: the store of an active snapshot, as far as its driver has committed
 * it on request (message "commit").  Its users, and the origin's, continue.
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
	 * Commits.  @machine outlives this.  Throws a Failure for a snapshot that is lost, has
	 * no list on its COW device, is being merged, or has a driver that cannot be asked.
	 */
	LiveStore(DeviceMapper &machine, const LiveSnapshot &snapshot);

	/*
	 * Walks the committed part; throws a Failure if the snapshot is no longer what it was
	 * before.  @memory_bytes: see ReadOptions.
	 */
	StoreReport walk(StoreVisitor &visitor, size_t memory_bytes);
	/* The same, and throws a Failure if something is wrong with it. */
	StoreReport read(StoreVisitor &visitor, size_t memory_bytes);

	const LiveSnapshot &snapshot() const { return snapshot_; }
	Volume &cow() { return cow_; }
	/* Entries of the list that were committed. */
	uint64_t entries() const { return entries_; }
	/* Of the snapshot's own device. */
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
