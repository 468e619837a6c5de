// SPDX-License-Identifier: GPL-2.0-only
/* The snapshot-origin target: unpacks dm's arguments and calls the core.  It makes no decisions. */
#include <dmsnap/core.h>
#include <linux/sched/mm.h>

#include "bio.h"
#include "device.h"
#include "targets.h"

static int origin_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct dmsnap_target_traits traits;
	struct dmsnap_origin *origin;
	const char *error = NULL;
	unsigned int noio;
	int err;

	/* The device below may be suspended: see target_snapshot.c. */
	noio = memalloc_noio_save();
	err = dmsnap_core_origin_create((struct dmsnap_target *)ti, argc, argv, &origin, &traits,
					&error);
	memalloc_noio_restore(noio);
	if (err) {
		if (error)
			ti->error = (char *)error;
		return err;
	}

	ti->private = origin;
	dmsnap_bio_setup_target(ti, &traits);
	return 0;
}

static void origin_dtr(struct dm_target *ti)
{
	unsigned int noio = memalloc_noio_save();

	dmsnap_core_origin_destroy(ti->private);
	memalloc_noio_restore(noio);
}

static int origin_map(struct dm_target *ti, struct bio *bio)
{
	struct dmsnap_bio_desc desc;

	dmsnap_bio_describe(bio, &desc);
	return dmsnap_bio_map_result(dmsnap_core_origin_map(ti->private, (struct dmsnap_bio *)bio,
							    &desc, dmsnap_bio_io(bio)));
}

static void origin_presuspend(struct dm_target *ti)
{
	dmsnap_core_origin_begin_suspend(ti->private);
}

static void origin_presuspend_undo(struct dm_target *ti)
{
	dmsnap_core_origin_end_suspend(ti->private);
}

static void origin_postsuspend(struct dm_target *ti)
{
	dmsnap_core_origin_end_suspend(ti->private);
}

static void origin_status(struct dm_target *ti, status_type_t type, unsigned int status_flags,
			  char *result, unsigned int maxlen)
{
	dmsnap_core_origin_status(ti->private, dmsnap_status_of(type), result, maxlen);
}

static int origin_iterate_devices(struct dm_target *ti, iterate_devices_callout_fn fn, void *data)
{
	return fn(ti, dmsnap_core_origin_device(ti->private)->dev, 0, ti->len, data);
}

struct target_type dmsnap_origin_target = {
	.name = "snapshot-origin",
	.version = {1, 9, 0},
	.module = THIS_MODULE,
	.ctr = origin_ctr,
	.dtr = origin_dtr,
	.map = origin_map,
	.presuspend = origin_presuspend,
	.presuspend_undo = origin_presuspend_undo,
	.postsuspend = origin_postsuspend,
	.status = origin_status,
	.iterate_devices = origin_iterate_devices,
};
