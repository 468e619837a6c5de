// SPDX-License-Identifier: GPL-2.0-only
/*
 * <dmsnap/core.h>: the only functions of the core with C linkage.  They only unpack their
 * arguments.
 */
#include <dmsnap/core.h>

#include "origin/origin_discard.hpp"
#include "snapshot/discard_walk.hpp"
#include "snapshot/snapshot_io.hpp"
#include "target/handover.hpp"
#include "target/origin_target.hpp"
#include "target/registry.hpp"
#include "target/snapshot_target.hpp"

using dmsnap::OriginTarget;
using dmsnap::Owned;
using dmsnap::SnapshotTarget;

namespace {

/* SAFETY: a handle is always the address of the object it was made from. */
SnapshotTarget *object_of(dmsnap_snapshot *handle)
{
	return reinterpret_cast<SnapshotTarget *>(handle);
}

OriginTarget *object_of(dmsnap_origin *handle)
{
	return reinterpret_cast<OriginTarget *>(handle);
}

} // namespace

int dmsnap_core_init(void)
{
	auto status = dmsnap::Registry::open();
	return status ? 0 : dmsnap::to_errno(status.error());
}

void dmsnap_core_exit(void)
{
	dmsnap::Registry::close();
}

size_t dmsnap_core_io_bytes(void)
{
	constexpr size_t io = sizeof(dmsnap::SnapshotIo);
	constexpr size_t walk = sizeof(dmsnap::DiscardWalk);
	constexpr size_t discard = sizeof(dmsnap::OriginDiscard);
	static_assert(discard >= io && discard >= walk);
	return discard;
}

int dmsnap_core_snapshot_create(dmsnap_target *target, dmsnap_snapshot_kind kind, unsigned int argc,
				char **argv, dmsnap_snapshot **snapshot,
				dmsnap_target_traits *traits, const char **error)
{
	auto made = SnapshotTarget::create(target, kind, argc, argv);
	if (!made) {
		*error = made.error().text;
		return made.error().number;
	}
	*traits = (*made)->traits();
	*snapshot = reinterpret_cast<dmsnap_snapshot *>(made->release());
	return 0;
}

void dmsnap_core_snapshot_destroy(dmsnap_snapshot *snapshot)
{
	SnapshotTarget::destroy(Owned<SnapshotTarget>(object_of(snapshot)));
}

dmsnap_map dmsnap_core_snapshot_map(dmsnap_snapshot *snapshot, dmsnap_bio *bio,
				    const dmsnap_bio_desc *desc, void *io)
{
	return object_of(snapshot)->map(bio, *desc, io);
}

int dmsnap_core_snapshot_end_io(dmsnap_snapshot *snapshot, void *io)
{
	return object_of(snapshot)->snapshot().end_io(*static_cast<dmsnap::Io *>(io));
}

void dmsnap_core_snapshot_presuspend(dmsnap_snapshot *snapshot)
{
	object_of(snapshot)->presuspend();
}

void dmsnap_core_snapshot_presuspend_undo(dmsnap_snapshot *snapshot)
{
	object_of(snapshot)->presuspend_undo();
}

int dmsnap_core_snapshot_preresume(dmsnap_snapshot *snapshot)
{
	return dmsnap::handover::preresume(*object_of(snapshot));
}

void dmsnap_core_snapshot_resume(dmsnap_snapshot *snapshot)
{
	dmsnap::handover::resume(*object_of(snapshot));
	object_of(snapshot)->resumed();
}

void dmsnap_core_snapshot_postsuspend(dmsnap_snapshot *snapshot)
{
	object_of(snapshot)->postsuspend();
}

size_t dmsnap_core_snapshot_status(dmsnap_snapshot *snapshot, dmsnap_status type, const char *name,
				   const char *version, char *buffer, size_t bytes)
{
	return object_of(snapshot)->status(type, name, version, {buffer, bytes});
}

int dmsnap_core_snapshot_message(dmsnap_snapshot *snapshot, unsigned int argc, char **argv,
				 char *buffer, size_t bytes)
{
	if (bytes)
		buffer[0] = '\0';
	return object_of(snapshot)->message(argc, argv, {buffer, bytes});
}

dmsnap_device *dmsnap_core_snapshot_origin_device(dmsnap_snapshot *snapshot)
{
	return object_of(snapshot)->origin_device();
}

dmsnap_device *dmsnap_core_snapshot_cow_device(dmsnap_snapshot *snapshot)
{
	return object_of(snapshot)->cow_device();
}

uint32_t dmsnap_core_snapshot_discard_sectors(dmsnap_snapshot *snapshot)
{
	return object_of(snapshot)->discard_sectors();
}

int dmsnap_core_origin_create(dmsnap_target *target, unsigned int argc, char **argv,
			      dmsnap_origin **origin, dmsnap_target_traits *traits,
			      const char **error)
{
	auto made = OriginTarget::create(target, argc, argv);
	if (!made) {
		*error = made.error().text;
		return made.error().number;
	}
	*traits = {.flush_bios = 1, .discard_bios = dmsnap_port_origin_discards()};
	*origin = reinterpret_cast<dmsnap_origin *>(made->release());
	return 0;
}

void dmsnap_core_origin_destroy(dmsnap_origin *origin)
{
	Owned<OriginTarget> gone(object_of(origin));
}

dmsnap_map dmsnap_core_origin_map(dmsnap_origin *origin, dmsnap_bio *bio,
				  const dmsnap_bio_desc *desc, void *io)
{
	return object_of(origin)->map(bio, *desc, io);
}

void dmsnap_core_origin_begin_suspend(dmsnap_origin *origin)
{
	object_of(origin)->begin_suspend();
}

void dmsnap_core_origin_end_suspend(dmsnap_origin *origin)
{
	object_of(origin)->end_suspend();
}

size_t dmsnap_core_origin_status(dmsnap_origin *origin, dmsnap_status type, char *buffer,
				 size_t bytes)
{
	return object_of(origin)->status(type, {buffer, bytes});
}

dmsnap_device *dmsnap_core_origin_device(dmsnap_origin *origin)
{
	return object_of(origin)->device();
}
