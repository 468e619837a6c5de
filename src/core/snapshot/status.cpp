// SPDX-License-Identifier: GPL-2.0-only
/*
 * Snapshot: what it says of itself.
 */
#include "handover/handover.hpp"
#include "origin/registry.hpp"
#include "snapshot/snapshot.hpp"

namespace dmsnap {

dmsnap_target_traits Snapshot::traits() const
{
	uint32_t discards = 0;
	if (merges())
		discards = features_.discard_zeroes_cow || dmsnap_port_origin_discards();
	else if (features_.discard_zeroes_cow)
		discards = features_.discard_passdown_origin ? 2 : 1;
	/* What is merged is on the origin, what is not yet on the COW device. */
	return {.flush_bios = merges() ? 2u : 1u, .discard_bios = discards};
}

uint32_t Snapshot::discard_sectors() const
{
	if (!features_.discard_zeroes_cow)
		return 0;
	/* dm asks before the store changes hands. */
	MutexGuard guard(registry().mutex());
	const Snapshot *source = awaits_handover_ ? handover::source_of(*this) : nullptr;
	return (source ? source : this)->chunk_size_.sectors();
}

size_t Snapshot::status(dmsnap_status type, const char *name, const char *version,
			std::span<char> buffer)
{
	char origin_name[DMSNAP_DEVICE_NAME_BYTES];
	char cow_name[DMSNAP_DEVICE_NAME_BYTES];
	dmsnap_port_device_name(origin_device_, origin_name);
	dmsnap_port_device_name(cow_device_, cow_name);
	DeviceNames devices{origin_name, cow_name};

	/* A handover must not move the store away meanwhile. */
	SpinGuard guard(origin_->lock());
	SnapshotState state{.valid = healthy(),
			    .merge_failed = merger_ && merger_->failed(),
			    .overflowed = overflowed_.load_relaxed()};
	switch (type) {
	case DMSNAP_STATUS_INFO: {
		StoreUsage usage{.total_sectors = dmsnap_port_device_sectors(cow_device_)};
		if (store_)
			usage = store_->usage();
		return format_status(buffer, state, usage);
	}
	case DMSNAP_STATUS_TABLE: {
		StoreArgs store = store_args_;
		store.chunk_sectors = awaits_handover_ || no_store_ ? 0 : chunk_size_.sectors();
		return format_table(buffer, devices, store, features_);
	}
	case DMSNAP_STATUS_IMA:
		return format_measurement(buffer, name, version, devices, state);
	}
	return 0;
}

} // namespace dmsnap
