/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A block device in memory that counts its requests, completes its bios
 * in hard interrupt context, and fails on request.
 */
#ifndef DMSNAP_KUNIT_TEST_DISK_H
#define DMSNAP_KUNIT_TEST_DISK_H

#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/hrtimer.h>
#include <linux/spinlock.h>

#include "device.h"

/**
 * struct dmsnap_test_disk - the disk, and what the tests may read and set.
 * @delay_ns: how long a bio takes
 * @fail_bio: the bio this many later fails with BLK_STS_IOERR; 0: none does
 * @no_write_zeroes: refuse REQ_OP_WRITE_ZEROES, which the limits promise
 * @bios: received so far
 * @flushes: of them, those with REQ_PREFLUSH
 * @fuas: of them, those with REQ_FUA
 * @data: the content
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

/* dmsnap_test_disk_create() - a disk of zeros.  Return: it, or an error pointer. */
struct dmsnap_test_disk *dmsnap_test_disk_create(sector_t sectors);

/* dmsnap_test_disk_destroy() - no I/O may be in flight. */
void dmsnap_test_disk_destroy(struct dmsnap_test_disk *disk);

/* dmsnap_test_disk_device() - the disk as the core sees it. */
static inline struct dmsnap_device *dmsnap_test_disk_device(struct dmsnap_test_disk *disk)
{
	return &disk->device;
}

#endif
