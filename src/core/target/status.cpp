// SPDX-License-Identifier: GPL-2.0-only
/* SnapshotTarget: traits and status. */
#include "target/handover.hpp"
#include "target/registry.hpp"
#include "target/snapshot_target.hpp"

namespace dmsnap {

dmsnap_target_traits SnapshotTarget::traits() const
{
	const Features &features = snapshot_->features();
	uint32_t discards = 0;
	if (merges())
		discards = features.discard_zeroes_cow || dmsnap_port_origin_discards();
	else if (features.discard_zeroes_cow)
		discards = features.discard_passdown_origin ? 2 : 1;
	/*
	 * A merge flushes both devices: merged data is on the origin, the rest on the COW device.
	 */
	return {.flush_bios = merges() ? 2u : 1u, .discard_bios = discards};
}

uint32_t SnapshotTarget::discard_sectors() const
{
	if (!snapshot_->features().discard_zeroes_cow)
		return 0;
	/* dm asks before the handover has moved the store. */
	MutexGuard guard(registry().mutex());
	const SnapshotTarget *source = awaits_handover_ ? handover::source_of(*this) : nullptr;
	return (source ? source : this)->snapshot_->chunk_size().sectors();
}

size_t SnapshotTarget::status(dmsnap_status type, const char *name, const char *version,
			      std::span<char> buffer)
{
	char origin_name[DMSNAP_DEVICE_NAME_BYTES];
	char cow_name[DMSNAP_DEVICE_NAME_BYTES];
	dmsnap_port_device_name(origin_device_, origin_name);
	dmsnap_port_device_name(cow_device_, cow_name);
	DeviceNames devices{origin_name, cow_name};

	/* A handover must not move the store away meanwhile. */
	OriginGuard guard(origin_->lock());
	SnapshotState state{.valid = snapshot_->healthy(),
			    .merge_failed = merger_ && merger_->failed(),
			    .overflowed = snapshot_->overflowed()};
	switch (type) {
	case DMSNAP_STATUS_INFO:
		return format_status(buffer, state, snapshot_->usage());
	case DMSNAP_STATUS_TABLE: {
		StoreArgs store = snapshot_->store_args();
		store.chunk_sectors =
			awaits_handover_ || no_store_ ? 0 : snapshot_->chunk_size().sectors();
		return format_table(buffer, devices, store, snapshot_->features());
	}
	case DMSNAP_STATUS_IMA:
		break;
	}
	return format_measurement(buffer, name, version, devices, state);
}

} // namespace dmsnap
