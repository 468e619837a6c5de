// SPDX-License-Identifier: GPL-2.0-only
/* SnapshotTarget: construction from a table line. */
#include <dmsnap/port/log.h>

#include "target/handover.hpp"
#include "target/registry.hpp"
#include "target/snapshot_target.hpp"

namespace dmsnap {

namespace {

constexpr const char *no_store = "Couldn't create exception store";
constexpr const char *no_metadata = "Failed to read snapshot metadata";
constexpr const char *no_pool = "Could not allocate mempool for pending exceptions";

} // namespace

int SnapshotTarget::create(dmsnap_target *target, dmsnap_snapshot_kind kind, unsigned int argc,
			   char **argv, Owned<SnapshotTarget> &target_made, const char *&error)
{
	auto features = parse_features(argc, argv);
	if (!features) {
		error = features.error();
		return to_errno(Error::argument_count);
	}
	auto made = make_owned<SnapshotTarget>(target, kind);
	if (!made) {
		error = "Cannot allocate private snapshot structure";
		return to_errno(made.error());
	}
	SnapshotTarget &self = **made;
	StoreArgs store;
	int result = self.open_devices(argv, error);
	if (!result)
		result = self.read_store(argv, *features, store, error);
	if (!result)
		result = self.join_origin(*features, store, error);
	if (!result)
		target_made = std::move(*made);
	return result;
}

SnapshotTarget::SnapshotTarget(dmsnap_target *target, dmsnap_snapshot_kind kind)
    : target_(target), kind_(kind)
{
}

int SnapshotTarget::open_devices(char **argv, const char *&error)
{
	const char *origin_path = argv[table_word::origin];
	const char *cow_path = argv[table_word::cow];

	int result = dmsnap_port_device_open(target(), origin_path,
					     merges() ? DMSNAP_DEVICE_WRITE : DMSNAP_DEVICE_READ,
					     &origin_device_);
	if (result) {
		error = "Cannot get origin device";
		return result;
	}
	/*
	 * Check before opening it: dm core does not survive one target opening a device twice and
	 * closing it.
	 */
	uint64_t cow_id;
	if (!dmsnap_port_device_find(cow_path, &cow_id) &&
	    cow_id == dmsnap_port_device_id(origin_device_)) {
		error = "COW device cannot be the same as origin device";
		return to_errno(Error::argument_count);
	}
	result = dmsnap_port_device_open(target(), cow_path, DMSNAP_DEVICE_TABLE, &cow_device_);
	if (result) {
		error = "Cannot get COW device";
		return result;
	}
	/*
	 * If the snapshot lost data, the store could not be marked invalid, and would be valid at
	 * the next activation.
	 */
	if (dmsnap_port_device_write_protected(cow_device_)) {
		error = "COW device is write-protected";
		return to_errno(Error::write_protected);
	}
	return 0;
}

/*
 * Parses the arguments only.  The store is opened once it is known that no other snapshot has it.
 */
int SnapshotTarget::read_store(char **argv, const Features &features, StoreArgs &store,
			       const char *&error) const
{
	format::BlockSizes blocks{dmsnap_port_device_block_sectors(origin_device_),
				  dmsnap_port_device_block_sectors(cow_device_)};
	const char *type = argv[table_word::store_type];
	auto args = parse_store(type, argv[table_word::chunk_size], blocks);
	if (!args) {
		if (args.error() == Error::store_option_unknown)
			dmsnap_port_log(DMSNAP_LOG_ERROR, "%s: %s", to_text(args.error()),
					type + 1);
		else
			dmsnap_port_log(DMSNAP_LOG_ERROR, "%s: %s %s", to_text(args.error()), type,
					argv[table_word::chunk_size]);
		error = no_store;
		return to_errno(Error::argument_count);
	}
	store = *args;
	if (store.type == StoreType::persistent &&
	    blocks.cow_sectors > PersistentStore::block_sectors_max) {
		error = "COW device has logical blocks of more than 4 KiB";
		return to_errno(Error::argument_count);
	}
	if (features.stall_on_full && store.type != StoreType::persistent) {
		error = "stall_on_full needs a persistent store";
		return to_errno(Error::argument_count);
	}
	if (merges() && store.type != StoreType::persistent) {
		error = handover::not_mergeable;
		return to_errno(Error::argument_count);
	}
	return 0;
}

int SnapshotTarget::join_origin(const Features &features, const StoreArgs &store,
				const char *&error)
{
	if (auto status = origin_.get(origin_device_); !status) {
		error = "Snapshot origin struct allocation failed";
		return to_errno(status.error());
	}
	auto made = Snapshot::create(*origin_, {.target = target_,
						.origin_device = origin_device_,
						.cow_device = cow_device_,
						.features = features,
						.store = store,
						.seen = !merges()});
	if (!made) {
		error = no_pool;
		return to_errno(made.error());
	}
	snapshot_ = std::move(*made);
	if (merges()) {
		auto merger = Merger::create(*snapshot_, *origin_);
		if (!merger) {
			error = no_pool;
			return to_errno(Error::no_memory);
		}
		merger_ = std::move(*merger);
	}
	{
		MutexGuard guard(registry().mutex());
		auto role = handover::role_of_new(*this);
		if (!role) {
			error = role.error();
			return to_errno(Error::argument_count);
		}
		if (auto status = origin_->snapshots().add(*snapshot_); !status) {
			error = "Snapshot origin struct allocation failed";
			return to_errno(status.error());
		}
		registry().snapshots().push_back(*this);
		awaits_handover_ = *role == handover::NewRole::destination;
	}
	/* No other target can open the store meanwhile: role_of_new() refuses it. */
	if (awaits_handover_)
		return 0;
	warn_of_large_blocks();
	if (auto status = snapshot_->load(); !status) {
		error = status.error() == Error::chunk_size_zero ? "Chunk size not set"
								 : no_metadata;
		return to_errno(status.error());
	}
	return 0;
}

/* The snapshot has the larger block size of its two devices. */
void SnapshotTarget::warn_of_large_blocks() const
{
	uint32_t origin = dmsnap_port_device_block_sectors(origin_device_);
	uint32_t cow = dmsnap_port_device_block_sectors(cow_device_);
	if (cow <= origin)
		return;

	char name[DMSNAP_DEVICE_NAME_BYTES];
	dmsnap_port_device_name(cow_device_, name);
	dmsnap_port_log(
		DMSNAP_LOG_WARNING,
		"snapshot with COW device %s has logical blocks of %u bytes, as that device, and its origin of %u: a file system with smaller blocks does not mount",
		name, cow * sector_bytes, origin * sector_bytes);
}

} // namespace dmsnap
