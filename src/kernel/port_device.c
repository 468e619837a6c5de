// SPDX-License-Identifier: GPL-2.0-only
/*
 * port/device.h, the devices: finding and opening them, and their properties. port_io.c does I/O
 * on them.
 */
#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/device-mapper.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "compat/compat.h"
#include "device.h"

static_assert(sizeof(struct blk_plug) <= sizeof(struct dmsnap_plug));
static_assert(__alignof__(struct blk_plug) <= __alignof__(struct dmsnap_plug));

static struct dm_target *to_ti(struct dmsnap_target *target)
{
	return (struct dm_target *)target;
}

static int open_dm_dev(struct dm_target *ti, const char *path, enum dmsnap_device_mode mode,
		       struct dm_dev **dev)
{
	dmsnap_open_mode_t of_table = dm_table_get_mode(ti->table);
	int err;

	switch (mode) {
	case DMSNAP_DEVICE_READ:
		break;
	case DMSNAP_DEVICE_WRITE:
		return dm_get_device(ti, path, DMSNAP_OPEN_READ | DMSNAP_OPEN_WRITE, dev);
	case DMSNAP_DEVICE_TABLE:
		return dm_get_device(ti, path, of_table, dev);
	}
	/*
	 * If another target of the table opens the device for writing later, dm core reopens it
	 * and frees the dm_dev that we hold.  It does not if we have it open for writing already;
	 * and if that fails here, it fails for other targets as well.
	 */
	err = dm_get_device(ti, path, of_table, dev);
	if (err == -EACCES || err == -EROFS || err == -EPERM)
		err = dm_get_device(ti, path, DMSNAP_OPEN_READ, dev);
	return err;
}

int dmsnap_port_device_find(const char *path, uint64_t *id)
{
	dev_t dev;
	int err;

	err = dmsnap_compat_devt_from_path(path, &dev);
	if (err)
		return err;
	*id = dev;
	return 0;
}

static void release_device(struct dmsnap_device *device)
{
	dmsnap_open_bdev_t kept = device->kept;

	dmsnap_io_release(device);
	kfree(device);
	if (kept) {
		dmsnap_compat_close_bdev(kept);
		module_put(THIS_MODULE);
	}
}

static void release_work(struct work_struct *work)
{
	release_device(container_of(work, struct dmsnap_device, release));
}

/*
 * Keeps the device open and the module loaded until release_device().  Returns false if that
 * fails.
 */
static bool open_ourselves(struct dmsnap_device *device)
{
	device->kept = dmsnap_compat_open_bdev(device->bdev->bd_dev);
	if (device->kept)
		__module_get(THIS_MODULE);
	return device->kept;
}

/*
 * dm core is about to close the device while I/O is in flight that nothing waits for.  The device
 * must not go away until that I/O has ended, whatever its driver.
 */
static void keep_open(struct dmsnap_device *device)
{
	if (open_ourselves(device))
		return;
	/* It is going away already, so its I/O will end. */
	while (refcount_read(&device->users) > 1)
		msleep(20);
}

void dmsnap_device_put(struct dmsnap_device *device)
{
	if (refcount_dec_and_test(&device->users))
		dmsnap_io_queue(&device->release);
}

int dmsnap_port_device_open(struct dmsnap_target *target, const char *path,
			    enum dmsnap_device_mode mode, struct dmsnap_device **result)
{
	struct dm_target *ti = to_ti(target);
	struct dmsnap_device *device;
	int err;

	device = kzalloc(sizeof(*device), GFP_NOIO);
	if (!device)
		return -ENOMEM;

	err = open_dm_dev(ti, path, mode, &device->dev);
	if (err)
		goto free_device;
	device->bdev = device->dev->bdev;
	refcount_set(&device->users, 1);
	INIT_WORK(&device->release, release_work);
	err = dmsnap_io_reserve(device);
	if (err)
		goto put_device;
	*result = device;
	return 0;

put_device:
	dm_put_device(ti, device->dev);
free_device:
	kfree(device);
	return err;
}

int dmsnap_port_device_detach(struct dmsnap_target *target, struct dmsnap_device *device)
{
	if (!open_ourselves(device))
		return -ENODEV;
	dm_put_device(to_ti(target), device->dev);
	device->dev = NULL;
	return 0;
}

void dmsnap_port_device_close(struct dmsnap_target *target, struct dmsnap_device *device)
{
	if (device->dev) {
		if (refcount_read(&device->users) > 1)
			keep_open(device);
		dm_put_device(to_ti(target), device->dev);
	}
	if (refcount_dec_and_test(&device->users))
		release_device(device);
}

uint64_t dmsnap_port_device_id(const struct dmsnap_device *device)
{
	return device->bdev->bd_dev;
}

void dmsnap_port_device_name(const struct dmsnap_device *device, char *name)
{
	dev_t dev = device->bdev->bd_dev;

	snprintf(name, DMSNAP_DEVICE_NAME_BYTES, "%u:%u", MAJOR(dev), MINOR(dev));
}

uint64_t dmsnap_port_device_sectors(const struct dmsnap_device *device)
{
	return bdev_nr_sectors(device->bdev);
}

uint32_t dmsnap_port_device_block_sectors(const struct dmsnap_device *device)
{
	return bdev_logical_block_size(device->bdev) >> SECTOR_SHIFT;
}

bool dmsnap_port_device_write_protected(const struct dmsnap_device *device)
{
	return device->dev->mode & DMSNAP_OPEN_WRITE && bdev_read_only(device->dev->bdev);
}

void dmsnap_port_plug_begin(struct dmsnap_plug *plug)
{
	blk_start_plug((struct blk_plug *)plug->opaque);
}

void dmsnap_port_plug_end(struct dmsnap_plug *plug)
{
	blk_finish_plug((struct blk_plug *)plug->opaque);
}
