/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All differences between kernel versions.  The rest of the binding is written as if there were
 * only one kernel.
 *
 * DMSNAP_HAVE_* come from the compile probes in probes/ (probes/NAME.c gives DMSNAP_HAVE_NAME),
 * never from a version number: distributions backport interfaces.  Each entry names the release
 * that brought the interface, which shows what can be removed when support for an old kernel
 * ends.
 */
#ifndef DMSNAP_KERNEL_COMPAT_H
#define DMSNAP_KERNEL_COMPAT_H

#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/err.h>
#include <linux/file.h>

/* 6.5: the mode for opening a block device has its own type. */
#ifdef DMSNAP_HAVE_BLK_MODE_T
typedef blk_mode_t dmsnap_open_mode_t;
#define DMSNAP_OPEN_READ BLK_OPEN_READ
#define DMSNAP_OPEN_WRITE BLK_OPEN_WRITE
#else
typedef fmode_t dmsnap_open_mode_t;
#define DMSNAP_OPEN_READ FMODE_READ
#define DMSNAP_OPEN_WRITE FMODE_WRITE
#endif

/**
 * dmsnap_compat_devt_from_path() - what dm_get_device() takes @path for.
 * @path: a path or "major:minor"
 * @dev: set on success
 *
 * 6.5: dm core offers that as one function.  Before, dm_get_dev_t() knew paths
 * only, and dm_get_device() looked for "major:minor" first.
 *
 * Return: 0, or a negative errno.
 */
static inline int dmsnap_compat_devt_from_path(const char *path, dev_t *dev)
{
#ifdef DMSNAP_HAVE_DM_DEVT_FROM_PATH
	return dm_devt_from_path(path, dev);
#else
	unsigned int major, minor;
	char rest;

	if (sscanf(path, "%u:%u%c", &major, &minor, &rest) == 2) {
		*dev = MKDEV(major, minor);
		return MAJOR(*dev) == major && MINOR(*dev) == minor ? 0 : -EOVERFLOW;
	}
	*dev = dm_get_dev_t(path);
	return *dev ? 0 : -ENODEV;
#endif
}

/*
 * The flag of a per-CPU work queue. 6.18 requires it.  Before, a work queue that is not unbound
 * is per-CPU.
 */
#ifdef DMSNAP_HAVE_WQ_PERCPU
#define DMSNAP_COMPAT_WQ_PERCPU WQ_PERCPU
#else
#define DMSNAP_COMPAT_WQ_PERCPU 0
#endif

/*
 * A block device that the module itself holds open for reading.
 *
 * 6.9: opening returns a file. 6.7: a handle.  Before: the block device; 6.5 changed the
 * arguments along with the type of the mode.
 */
#ifdef DMSNAP_HAVE_BDEV_FILE_OPEN_BY_DEV
typedef struct file *dmsnap_open_bdev_t;
#elif defined(DMSNAP_HAVE_BDEV_OPEN_BY_DEV)
typedef struct bdev_handle *dmsnap_open_bdev_t;
#else
typedef struct block_device *dmsnap_open_bdev_t;
#endif

/** dmsnap_compat_open_bdev() - Return: NULL when it cannot be opened. */
static inline dmsnap_open_bdev_t dmsnap_compat_open_bdev(dev_t dev)
{
	dmsnap_open_bdev_t opened;

#ifdef DMSNAP_HAVE_BDEV_FILE_OPEN_BY_DEV
	opened = bdev_file_open_by_dev(dev, BLK_OPEN_READ, NULL, NULL);
#elif defined(DMSNAP_HAVE_BDEV_OPEN_BY_DEV)
	opened = bdev_open_by_dev(dev, BLK_OPEN_READ, NULL, NULL);
#elif defined(DMSNAP_HAVE_BLK_MODE_T)
	opened = blkdev_get_by_dev(dev, BLK_OPEN_READ, NULL, NULL);
#else
	opened = blkdev_get_by_dev(dev, FMODE_READ, NULL);
#endif
	return IS_ERR(opened) ? NULL : opened;
}

static inline void dmsnap_compat_close_bdev(dmsnap_open_bdev_t opened)
{
#ifdef DMSNAP_HAVE_BDEV_FILE_OPEN_BY_DEV
	fput(opened);
#elif defined(DMSNAP_HAVE_BDEV_OPEN_BY_DEV)
	bdev_release(opened);
#elif defined(DMSNAP_HAVE_BLK_MODE_T)
	blkdev_put(opened, NULL);
#else
	blkdev_put(opened, FMODE_READ);
#endif
}

#endif
