// SPDX-License-Identifier: GPL-2.0-only
#include "kunit/test_disk.h"

#include <linux/highmem.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

static void transfer(struct dmsnap_test_disk *disk, struct bio *bio)
{
	u8 *at = disk->data + (bio->bi_iter.bi_sector << SECTOR_SHIFT);
	struct bvec_iter iter;
	struct bio_vec vec;

	switch (bio_op(bio)) {
	case REQ_OP_WRITE_ZEROES:
		if (disk->no_write_zeroes)
			bio->bi_status = BLK_STS_NOTSUPP;
		else
			memset(at, 0, bio->bi_iter.bi_size);
		break;
	case REQ_OP_READ:
	case REQ_OP_WRITE:
		bio_for_each_segment(vec, bio, iter) {
			if (bio_op(bio) == REQ_OP_READ)
				memcpy_to_bvec(&vec, at);
			else
				memcpy_from_bvec(at, &vec);
			at += vec.bv_len;
		}
		break;
	default:
		bio->bi_status = BLK_STS_NOTSUPP;
	}
}

static void submit(struct bio *bio)
{
	struct dmsnap_test_disk *disk = bio->bi_bdev->bd_disk->private_data;
	unsigned long flags;
	bool fail;

	spin_lock_irqsave(&disk->lock, flags);
	disk->bios++;
	disk->flushes += !!(bio->bi_opf & REQ_PREFLUSH);
	disk->fuas += !!(bio->bi_opf & REQ_FUA);
	fail = disk->fail_bio && --disk->fail_bio == 0;
	spin_unlock_irqrestore(&disk->lock, flags);

	if (fail)
		bio->bi_status = BLK_STS_IOERR;
	else
		transfer(disk, bio);

	spin_lock_irqsave(&disk->lock, flags);
	if (bio_list_empty(&disk->waiting))
		hrtimer_start(&disk->timer, ns_to_ktime(disk->delay_ns), HRTIMER_MODE_REL_HARD);
	bio_list_add(&disk->waiting, bio);
	spin_unlock_irqrestore(&disk->lock, flags);
}

static enum hrtimer_restart complete_all_bios(struct hrtimer *timer)
{
	struct dmsnap_test_disk *disk = container_of(timer, struct dmsnap_test_disk, timer);
	struct bio_list done;
	struct bio *bio;

	spin_lock(&disk->lock);
	done = disk->waiting;
	bio_list_init(&disk->waiting);
	spin_unlock(&disk->lock);
	while ((bio = bio_list_pop(&done)))
		bio_endio(bio);
	return HRTIMER_NORESTART;
}

static const struct block_device_operations operations = {
	.owner = THIS_MODULE,
	.submit_bio = submit,
};

static int make_gendisk(struct dmsnap_test_disk *disk, sector_t sectors)
{
	struct queue_limits limits = {
		.features = BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA,
		.max_write_zeroes_sectors = 256,
		/* A write of DMSNAP_IO_ATOMIC_SECTORS must stay one bio. */
		.max_hw_sectors = DMSNAP_IO_ATOMIC_SECTORS,
		.max_segments = USHRT_MAX,
	};
	struct gendisk *gendisk = blk_alloc_disk(&limits, NUMA_NO_NODE);
	int err;

	if (IS_ERR(gendisk))
		return PTR_ERR(gendisk);
	gendisk->fops = &operations;
	gendisk->private_data = disk;
	gendisk->flags |= GENHD_FL_NO_PART;
	strscpy(gendisk->disk_name, "dmsnap-kunit", DISK_NAME_LEN);
	set_capacity(gendisk, sectors);
	disk->disk = gendisk;
	err = add_disk(gendisk);
	if (err)
		put_disk(gendisk);
	return err;
}

static void drop_gendisk(struct dmsnap_test_disk *disk)
{
	del_gendisk(disk->disk);
	put_disk(disk->disk);
}

struct dmsnap_test_disk *dmsnap_test_disk_create(sector_t sectors)
{
	struct dmsnap_test_disk *disk = kzalloc(sizeof(*disk), GFP_KERNEL);
	int err = -ENOMEM;

	if (!disk)
		return ERR_PTR(err);
	disk->delay_ns = 50 * NSEC_PER_USEC;
	spin_lock_init(&disk->lock);
	bio_list_init(&disk->waiting);
	hrtimer_init(&disk->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	disk->timer.function = complete_all_bios;
	disk->data = vzalloc(sectors << SECTOR_SHIFT);
	if (!disk->data)
		goto free_disk;
	err = make_gendisk(disk, sectors);
	if (err)
		goto free_data;
	disk->dm_dev.bdev = disk->disk->part0;
	disk->device.dev = &disk->dm_dev;
	disk->device.bdev = disk->dm_dev.bdev;
	refcount_set(&disk->device.users, 1);
	err = dmsnap_io_reserve(&disk->device);
	if (err)
		goto drop;
	return disk;

drop:
	drop_gendisk(disk);
free_data:
	vfree(disk->data);
free_disk:
	kfree(disk);
	return ERR_PTR(err);
}

void dmsnap_test_disk_destroy(struct dmsnap_test_disk *disk)
{
	drop_gendisk(disk);
	dmsnap_io_release(&disk->device);
	hrtimer_cancel(&disk->timer);
	vfree(disk->data);
	kfree(disk);
}
