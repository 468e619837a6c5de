// SPDX-License-Identifier: GPL-2.0-only
/*
 * The targets snapshot and snapshot-merge: unpack dm's arguments and call the core.  They make no
 * decisions.
 */
#include <dmsnap/core.h>
#include <linux/sched/mm.h>
#include <linux/stringify.h>

#include "bio.h"
#include "device.h"
#include "targets.h"

/* The in-tree driver's version, which LVM2 checks. */
#define SNAPSHOT_MAJOR 1
#define SNAPSHOT_MINOR 16
#define SNAPSHOT_PATCH 0
#define SNAPSHOT_VERSION                                                                           \
	__stringify(SNAPSHOT_MAJOR) "." __stringify(SNAPSHOT_MINOR) "." __stringify(SNAPSHOT_PATCH)

#define MERGE_MAJOR 1
#define MERGE_MINOR 5
#define MERGE_PATCH 0
#define MERGE_VERSION                                                                              \
	__stringify(MERGE_MAJOR) "." __stringify(MERGE_MINOR) "." __stringify(MERGE_PATCH)

static bool is_merge(const struct dm_target *ti)
{
	return ti->type == &dmsnap_merge_target;
}

/*
 * memalloc_noio_save() here and below: this device, or the origin, may be suspended.  Allocations
 * in these calls, including the block layer's, must not wait for a page to be written to it.
 */
static int snapshot_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct dmsnap_target_traits traits;
	struct dmsnap_snapshot *snapshot;
	const char *error = NULL;
	unsigned int noio;
	int err;

	noio = memalloc_noio_save();
	err = dmsnap_core_snapshot_create((struct dmsnap_target *)ti,
					  is_merge(ti) ? DMSNAP_SNAPSHOT_MERGE : DMSNAP_SNAPSHOT,
					  argc, argv, &snapshot, &traits, &error);
	memalloc_noio_restore(noio);
	if (err) {
		if (error)
			ti->error = (char *)error;
		return err;
	}

	ti->private = snapshot;
	dmsnap_bio_setup_target(ti, &traits);
	/*
	 * A snapshot's metadata is committed on a flush, so flushes must arrive whatever is
	 * below.
	 */
	ti->flush_supported = !is_merge(ti);
	return 0;
}

static void without_io(const struct dm_target *ti, void (*call)(struct dmsnap_snapshot *))
{
	unsigned int noio = memalloc_noio_save();

	call(ti->private);
	memalloc_noio_restore(noio);
}

static void snapshot_dtr(struct dm_target *ti)
{
	without_io(ti, dmsnap_core_snapshot_destroy);
}

static int snapshot_map(struct dm_target *ti, struct bio *bio)
{
	struct dmsnap_bio_desc desc;

	dmsnap_bio_describe(bio, &desc);
	return dmsnap_bio_map_result(dmsnap_core_snapshot_map(ti->private, (struct dmsnap_bio *)bio,
							      &desc, dmsnap_bio_io(bio)));
}

static int snapshot_end_io(struct dm_target *ti, struct bio *bio, blk_status_t *error)
{
	int err = dmsnap_core_snapshot_end_io(ti->private, dmsnap_bio_io(bio));

	if (err && !*error)
		*error = errno_to_blk_status(err);
	return DM_ENDIO_DONE;
}

static void snapshot_presuspend(struct dm_target *ti)
{
	without_io(ti, dmsnap_core_snapshot_presuspend);
}

static void snapshot_presuspend_undo(struct dm_target *ti)
{
	without_io(ti, dmsnap_core_snapshot_presuspend_undo);
}

static int snapshot_preresume(struct dm_target *ti)
{
	unsigned int noio = memalloc_noio_save();
	int err = dmsnap_core_snapshot_preresume(ti->private);

	memalloc_noio_restore(noio);
	return err;
}

static void snapshot_resume(struct dm_target *ti)
{
	without_io(ti, dmsnap_core_snapshot_resume);
}

static void snapshot_postsuspend(struct dm_target *ti)
{
	without_io(ti, dmsnap_core_snapshot_postsuspend);
}

static void snapshot_status(struct dm_target *ti, status_type_t type, unsigned int status_flags,
			    char *result, unsigned int maxlen)
{
	dmsnap_core_snapshot_status(ti->private, dmsnap_status_of(type), ti->type->name,
				    is_merge(ti) ? MERGE_VERSION : SNAPSHOT_VERSION, result,
				    maxlen);
}

/* Returning 1 tells dm that there is an answer. */
static int snapshot_message(struct dm_target *ti, unsigned int argc, char **argv, char *result,
			    unsigned int maxlen)
{
	unsigned int noio = memalloc_noio_save();
	int err = dmsnap_core_snapshot_message(ti->private, argc, argv, result, maxlen);

	memalloc_noio_restore(noio);
	if (err)
		return err;
	return maxlen && result[0] ? 1 : 0;
}

static int snapshot_iterate_devices(struct dm_target *ti, iterate_devices_callout_fn fn, void *data)
{
	struct dmsnap_device *origin = dmsnap_core_snapshot_origin_device(ti->private);
	struct dmsnap_device *cow = dmsnap_core_snapshot_cow_device(ti->private);
	int ret;

	ret = fn(ti, origin->dev, 0, ti->len, data);
	if (ret)
		return ret;
	return fn(ti, cow->dev, 0, dmsnap_port_device_sectors(cow), data);
}

/* dm decides from the devices below whether discards are supported at all. */
static void snapshot_io_hints(struct dm_target *ti, struct queue_limits *limits)
{
	u32 sectors = dmsnap_core_snapshot_discard_sectors(ti->private);

	if (!sectors)
		return;
	limits->discard_granularity = sectors << SECTOR_SHIFT;
	limits->max_discard_sectors = sectors;
	limits->max_hw_discard_sectors = sectors;
}

/* The two targets differ in their names and versions; is_merge() tells them apart. */
#define SNAPSHOT_OPERATIONS                                                                        \
	.module = THIS_MODULE, .ctr = snapshot_ctr, .dtr = snapshot_dtr, .map = snapshot_map,      \
	.end_io = snapshot_end_io, .presuspend = snapshot_presuspend,                              \
	.presuspend_undo = snapshot_presuspend_undo, .preresume = snapshot_preresume,              \
	.resume = snapshot_resume, .postsuspend = snapshot_postsuspend, .status = snapshot_status, \
	.message = snapshot_message, .iterate_devices = snapshot_iterate_devices,                  \
	.io_hints = snapshot_io_hints

struct target_type dmsnap_snapshot_target = {
	.name = "snapshot",
	.version = {SNAPSHOT_MAJOR, SNAPSHOT_MINOR, SNAPSHOT_PATCH},
	SNAPSHOT_OPERATIONS,
};

struct target_type dmsnap_merge_target = {
	.name = "snapshot-merge",
	.version = {MERGE_MAJOR, MERGE_MINOR, MERGE_PATCH},
	SNAPSHOT_OPERATIONS,
};
