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

std::expected<Owned<SnapshotTarget>, Refusal> SnapshotTarget::create(dmsnap_target *target,
								     dmsnap_snapshot_kind kind,
								     unsigned int argc, char **argv)
{
	auto features = parse_features(argc, argv);
	if (!features)
		return refuse(Error::table_line, features.error());
	auto made = make_owned<SnapshotTarget>(CreateKey<SnapshotTarget>(), target, kind);
	if (!made)
		return refuse(made.error(), "Cannot allocate private snapshot structure");
	SnapshotTarget &self = **made;
	StoreArgs store;
	DMSNAP_CHECK(self.open_devices(argv));
	DMSNAP_CHECK(self.read_store(argv, *features, store));
	DMSNAP_CHECK(self.join_origin(*features, store));
	return std::move(*made);
}

SnapshotTarget::SnapshotTarget(CreateKey<SnapshotTarget>, dmsnap_target *target,
			       dmsnap_snapshot_kind kind)
    : target_(target), kind_(kind)
{
}

std::expected<void, Refusal> SnapshotTarget::open_devices(char **argv)
{
	const char *origin_path = argv[table_word::origin];
	const char *cow_path = argv[table_word::cow];

	int result = dmsnap_port_device_open(target(), origin_path,
					     merges() ? DMSNAP_DEVICE_WRITE : DMSNAP_DEVICE_READ,
					     &origin_device_);
	if (result)
		return refuse(result, "Cannot get origin device");
	/*
	 * Check before opening it: dm core does not survive one target opening a device twice and
	 * closing it.
	 */
	uint64_t cow_id;
	if (!dmsnap_port_device_find(cow_path, &cow_id) &&
	    cow_id == dmsnap_port_device_id(origin_device_))
		return refuse(Error::table_line, "COW device cannot be the same as origin device");
	result = dmsnap_port_device_open(target(), cow_path, DMSNAP_DEVICE_TABLE, &cow_device_);
	if (result)
		return refuse(result, "Cannot get COW device");
	/*
	 * If the snapshot lost data, the store could not be marked invalid, and would be valid at
	 * the next activation.
	 */
	if (dmsnap_port_device_write_protected(cow_device_))
		return refuse(Error::write_protected, "COW device is write-protected");
	return {};
}

/*
 * Parses the arguments only.  The store is opened once it is known that no other snapshot has it.
 */
std::expected<void, Refusal> SnapshotTarget::read_store(char **argv, const Features &features,
							StoreArgs &store) const
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
		return refuse(Error::table_line, no_store);
	}
	store = *args;
	if (store.type == StoreType::persistent &&
	    blocks.cow_sectors > PersistentStore::block_sectors_max)
		return refuse(Error::table_line,
			      "COW device has logical blocks of more than 4 KiB");
	if (features.stall_on_full && store.type != StoreType::persistent)
		return refuse(Error::table_line, "stall_on_full needs a persistent store");
	if (merges() && store.type != StoreType::persistent)
		return refuse(Error::table_line, handover::not_mergeable);
	return {};
}

std::expected<void, Refusal> SnapshotTarget::join_origin(const Features &features,
							 const StoreArgs &store)
{
	if (auto status = origin_.get(origin_device_); !status)
		return refuse(status.error(), "Snapshot origin struct allocation failed");
	auto made = Snapshot::create(*origin_, {.target = target_,
						.origin_device = origin_device_,
						.cow_device = cow_device_,
						.features = features,
						.store = store,
						.seen = !merges()});
	if (!made)
		return refuse(made.error(), no_pool);
	snapshot_ = std::move(*made);
	if (merges()) {
		auto merger = Merger::create(*snapshot_, *origin_);
		if (!merger)
			return refuse(Error::no_memory, no_pool);
		merger_ = std::move(*merger);
	}
	{
		MutexGuard guard(registry().mutex());
		auto role = handover::role_of_new(*this);
		if (!role)
			return refuse(Error::table_line, role.error());
		if (auto status = origin_->snapshots().add(*snapshot_); !status)
			return refuse(status.error(), "Snapshot origin struct allocation failed");
		registry().snapshots().push_back(*this);
		awaits_handover_ = *role == handover::NewRole::destination;
	}
	/* No other target can open the store meanwhile: role_of_new() refuses it. */
	if (awaits_handover_)
		return {};
	warn_of_large_blocks();
	if (auto status = snapshot_->load(); !status)
		return refuse(status.error(), status.error() == Error::chunk_size_zero
						      ? "Chunk size not set"
						      : no_metadata);
	return {};
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
