/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An opened device, for the files of the kernel binding.  To the core struct dmsnap_device is an
 * opaque handle.
 */
#ifndef DMSNAP_KERNEL_DEVICE_H
#define DMSNAP_KERNEL_DEVICE_H

#include <dmsnap/port/device.h>
#include <linux/bio.h>
#include <linux/mempool.h>
#include <linux/refcount.h>
#include <linux/workqueue.h>

#include "compat/compat.h"

struct dm_dev;

/**
 * struct dmsnap_device - a device opened for one target.
 * @dev: dm's own handle; shared by all targets of the table that opened it.  NULL when
 *       the target has gone and left the device open
 * @bdev: the block device
 * @users: the target, and each I/O with %DMSNAP_IO_MAY_OUTLIVE
 * @kept: the block device, opened by ourselves for what outlives the target; the
 *        module has a reference more then.  NULL: dm core has it open
 * @release: ends what was kept
 * @bios: bios of dmsnap_port_io_submit()
 * @requests: bookkeeping of dmsnap_port_io_submit(), one for each call
 *
 * The reserves belong to the device and not to the module: if snapshots are stacked, I/O of the
 * upper one ends only after the lower one has used bios of its own, so the two must not compete
 * for the last ones.
 */
struct dmsnap_device {
	struct dm_dev *dev;
	struct block_device *bdev;
	refcount_t users;
	dmsnap_open_bdev_t kept;
	struct work_struct release;
	struct bio_set bios;
	mempool_t requests;
};

/** dmsnap_io_init() - before the first device is opened.  Return: 0 or -ENOMEM. */
int dmsnap_io_init(void);

/** dmsnap_io_exit() - after the last device was closed. */
void dmsnap_io_exit(void);

/** dmsnap_io_reserve() - make the reserves of @device.  Return: 0 or a negative errno. */
int dmsnap_io_reserve(struct dmsnap_device *device);

/** dmsnap_io_release() - free the reserves of @device; no I/O is in flight. */
void dmsnap_io_release(struct dmsnap_device *device);

/** dmsnap_io_queue() - have @work run, before dmsnap_io_exit() ends.  Context: Any. */
void dmsnap_io_queue(struct work_struct *work);

/** dmsnap_device_put() - an I/O with %DMSNAP_IO_MAY_OUTLIVE has ended.  Context: Any. */
void dmsnap_device_put(struct dmsnap_device *device);

#endif
