/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A block device in memory.  It counts its requests, completes bios in hard interrupt context, and
 * fails on request.
 */
#ifndef DMSNAP_KUNIT_TEST_DISK_H
#define DMSNAP_KUNIT_TEST_DISK_H

#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/hrtimer.h>
#include <linux/spinlock.h>

#include "device.h"

/**
 * struct dmsnap_test_disk - the disk, and what tests may read and set
 * @delay_ns: how long a bio takes
 * @fail_bio: which bio from now fails with BLK_STS_IOERR; 0: none
 * @no_write_zeroes: refuse REQ_OP_WRITE_ZEROES although the limits allow it
 * @bios: the number received
 * @flushes: those with REQ_PREFLUSH
 * @fuas: those with REQ_FUA
 * @data: the contents
 */
struct dmsnap_test_disk {
	u64 delay_ns;
	unsigned int fail_bio;
	bool no_write_zeroes;
	unsigned int bios;
	unsigned int flushes;
	unsigned int fuas;
	u8 *data;

	struct gendisk *disk;
	struct dm_dev dm_dev;
	struct dmsnap_device device;
	spinlock_t lock;
	struct bio_list waiting;
	struct hrtimer timer;
};

/* dmsnap_test_disk_create() - makes a disk of zeros.  Return: it, or an error pointer. */
struct dmsnap_test_disk *dmsnap_test_disk_create(sector_t sectors);

/* dmsnap_test_disk_destroy() - no I/O may be in flight. */
void dmsnap_test_disk_destroy(struct dmsnap_test_disk *disk);

/* dmsnap_test_disk_device() - the disk as the core sees it. */
static inline struct dmsnap_device *dmsnap_test_disk_device(struct dmsnap_test_disk *disk)
{
	return &disk->device;
}

#endif
