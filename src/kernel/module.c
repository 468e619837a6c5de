// SPDX-License-Identifier: GPL-2.0-only
/* The module: its parameters, and the order of initialisation and cleanup. */
#define DM_MSG_PREFIX "snapshots"

#include <dmsnap/core.h>
#include <dmsnap/port/log.h>
#include <linux/module.h>

#include "bio.h"
#include "device.h"
#include "targets.h"

static unsigned int snapshot_cow_threshold = 2048;
module_param(snapshot_cow_threshold, uint, 0644);
MODULE_PARM_DESC(snapshot_cow_threshold,
		 "Chunks being copied for a snapshot above which origin writes wait");

static unsigned int snapshot_copy_throttle = 100;
module_param(snapshot_copy_throttle, uint, 0644);
MODULE_PARM_DESC(snapshot_copy_throttle, "Percentage of time that copying may take");

static unsigned int copy_ahead = 1024;
module_param(copy_ahead, uint, 0644);
MODULE_PARM_DESC(copy_ahead, "KiB to copy ahead of a stream of small origin writes (0: disabled)");

static bool origin_discards = true;
module_param(origin_discards, bool, 0644);
MODULE_PARM_DESC(origin_discards,
		 "Support discards of an origin; chunks that a snapshot still needs are left alone");

static unsigned int no_space_timeout = 60;
module_param(no_space_timeout, uint, 0644);
MODULE_PARM_DESC(
	no_space_timeout,
	"Seconds a write waits for a full COW device to be extended, where stalling is enabled (0: no limit)");

static bool stall_on_full;
module_param(stall_on_full, bool, 0644);
MODULE_PARM_DESC(
	stall_on_full,
	"Stall writes while a COW device is full, unless the table line or a message decides");

static unsigned int low_water;

static int set_percent(const char *text, const struct kernel_param *parameter)
{
	return param_set_uint_minmax(text, parameter, 0, 100);
}

static const struct kernel_param_ops percent_ops = {
	.set = set_percent,
	.get = param_get_uint,
};
module_param_cb(low_water, &percent_ops, &low_water, 0644);
__MODULE_PARM_TYPE(low_water, "uint");
MODULE_PARM_DESC(low_water,
		 "Raise an event when this percentage of a COW device is in use (0: disabled)");

static bool refuse_bad_store;
module_param(refuse_bad_store, bool, 0644);
MODULE_PARM_DESC(refuse_bad_store,
		 "Refuse a table whose store is unusable, instead of loading an invalid snapshot");

unsigned int dmsnap_port_cow_threshold(void)
{
	return READ_ONCE(snapshot_cow_threshold);
}

unsigned int dmsnap_port_copy_throttle(void)
{
	return READ_ONCE(snapshot_copy_throttle);
}

unsigned int dmsnap_port_copy_ahead(void)
{
	return READ_ONCE(copy_ahead);
}

bool dmsnap_port_origin_discards(void)
{
	return READ_ONCE(origin_discards);
}

unsigned int dmsnap_port_no_space_timeout(void)
{
	return READ_ONCE(no_space_timeout);
}

bool dmsnap_port_stall_on_full(void)
{
	return READ_ONCE(stall_on_full);
}

unsigned int dmsnap_port_low_water(void)
{
	return READ_ONCE(low_water);
}

bool dmsnap_port_refuse_bad_store(void)
{
	return READ_ONCE(refuse_bad_store);
}

/*
 * If another module has registered a target of the same name, this returns -EEXIST. modprobe
 * takes that for "already loaded", and so for success.
 */
static int __init register_target(struct target_type *target)
{
	int err = dm_register_target(target);

	if (err == -EEXIST || err == -EBUSY) {
		DMERR("target %s is already registered: unload the module that has it (probably the kernel's own dm_snapshot), then load this one again",
		      target->name);
		err = -EBUSY;
	}
	return err;
}

static int __init dmsnap_init(void)
{
	int err;

	err = dmsnap_io_init();
	if (err)
		return err;
	err = dmsnap_core_init();
	if (err)
		goto exit_io;
	dmsnap_bio_init();
	err = register_target(&dmsnap_snapshot_target);
	if (err)
		goto exit_core;
	err = register_target(&dmsnap_origin_target);
	if (err)
		goto unregister_snapshot;
	err = register_target(&dmsnap_merge_target);
	if (err)
		goto unregister_origin;
	return 0;

unregister_origin:
	dm_unregister_target(&dmsnap_origin_target);
unregister_snapshot:
	dm_unregister_target(&dmsnap_snapshot_target);
exit_core:
	dmsnap_core_exit();
exit_io:
	dmsnap_io_exit();
	return err;
}

static void __exit dmsnap_exit(void)
{
	dm_unregister_target(&dmsnap_merge_target);
	dm_unregister_target(&dmsnap_origin_target);
	dm_unregister_target(&dmsnap_snapshot_target);
	dmsnap_core_exit();
	dmsnap_io_exit();
}

module_init(dmsnap_init);
module_exit(dmsnap_exit);

MODULE_DESCRIPTION("device-mapper snapshots: targets snapshot, snapshot-origin and snapshot-merge");
MODULE_AUTHOR("The dmsnap authors");
/* Also distinguishes this module from the in-tree one, which has no version. */
MODULE_VERSION(DMSNAP_VERSION);
MODULE_LICENSE("GPL");
/* dm core and LVM2 request the module by the name of the target. */
MODULE_ALIAS("dm-snapshot-origin");
MODULE_ALIAS("dm-snapshot-merge");
