// SPDX-License-Identifier: GPL-2.0-only
/*
 * port/device.h, the I/O: dmsnap_port_io_submit().
 *
 * A call takes one request from its device's reserve, and then as many bios as it needs, one
 * after the other, each submitted before the next is allocated.  A short first bio is part of the
 * request.  A caller that waits for a request holds nothing, and one that waits for a bio holds
 * only bios in flight.  So both are always freed again, however short memory is.
 */
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "device.h"
#include "slab.h"

/* Calls, and bios, that each device can have in flight when memory is exhausted. */
#define DMSNAP_IO_RESERVE 4

/*
 * A call that needs only one bio of up to this many pages uses the one in the request: enough for
 * a chunk of 64 KiB.
 */
#define DMSNAP_IO_OWN_PAGES 16

/* Longest bio without pages.  Its length in bytes must fit in 32 bits. */
#define DMSNAP_IO_RANGE_SECTORS (1u << 22)

/**
 * struct dmsnap_request - one call.
 * @device: where
 * @sector: first sector
 * @sectors: length
 * @done: completion
 * @ctx: for @done
 * @op: as the core gave it
 * @opf: flags of the bios, without the operation
 * @error: the first one
 * @pending: bios in flight, and the submitter
 * @may_outlive: the target may close the device before it ends
 * @zero_by_device: zeros were left to the device, which may turn out not to do it
 * @write_zeros: writes them after all
 * @bio: the first bio, if that is short
 * @pages: of @bio
 */
struct dmsnap_request {
	struct dmsnap_device *device;
	sector_t sector;
	sector_t sectors;
	dmsnap_io_done done;
	void *ctx;
	enum dmsnap_io_op op;
	blk_opf_t opf;
	int error;
	atomic_t pending;
	bool may_outlive;
	bool zero_by_device;
	struct work_struct write_zeros;
	struct bio bio;
	struct bio_vec pages[DMSNAP_IO_OWN_PAGES];
};

static struct kmem_cache *request_cache;
static struct workqueue_struct *io_queue;

int dmsnap_io_init(void)
{
	request_cache = dmsnap_slab_create("dmsnap_request", sizeof(struct dmsnap_request),
					   __alignof__(struct dmsnap_request));
	if (!request_cache)
		return -ENOMEM;
	io_queue = alloc_workqueue("dmsnap_io", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!io_queue) {
		kmem_cache_destroy(request_cache);
		return -ENOMEM;
	}
	return 0;
}

void dmsnap_io_exit(void)
{
	destroy_workqueue(io_queue);
	/* The I/O that was the last user of a kept device may not have called done() yet. */
	synchronize_rcu_expedited();
	kmem_cache_destroy(request_cache);
}

void dmsnap_io_queue(struct work_struct *work)
{
	queue_work(io_queue, work);
}

int dmsnap_io_reserve(struct dmsnap_device *device)
{
	int err;

	err = bioset_init(&device->bios, DMSNAP_IO_RESERVE, 0, BIOSET_NEED_BVECS);
	if (err)
		return err;
	err = dmsnap_slab_reserve(&device->requests, DMSNAP_IO_RESERVE, request_cache);
	if (err)
		bioset_exit(&device->bios);
	return err;
}

void dmsnap_io_release(struct dmsnap_device *device)
{
	mempool_exit(&device->requests);
	bioset_exit(&device->bios);
}

/* Everything is freed before @done is called: a waiter for it may then close the device. */
static void request_finish(struct dmsnap_request *request)
{
	struct dmsnap_device *device = request->device;
	bool may_outlive = request->may_outlive;
	dmsnap_io_done done = request->done;
	void *ctx = request->ctx;
	int error = request->error;

	/* An unsupported hint is no error. */
	if (request->op == DMSNAP_IO_DISCARD && error == -EOPNOTSUPP)
		error = 0;
	mempool_free(request, &device->requests);
	if (!may_outlive) {
		done(ctx, error);
		return;
	}
	/* The last user also drops the reference to the module. */
	rcu_read_lock();
	dmsnap_device_put(device);
	done(ctx, error);
	rcu_read_unlock();
}

static void request_put(struct dmsnap_request *request)
{
	if (!atomic_dec_and_test(&request->pending))
		return;
	if (request->error && request->zero_by_device)
		dmsnap_io_queue(&request->write_zeros);
	else
		request_finish(request);
}

static void request_end_bio(struct bio *bio)
{
	struct dmsnap_request *request = bio->bi_private;

	if (bio->bi_status)
		cmpxchg(&request->error, 0, blk_status_to_errno(bio->bi_status));
	if (bio == &request->bio)
		bio_uninit(bio);
	else
		bio_put(bio);
	request_put(request);
}

static struct bio *request_bio(struct dmsnap_request *request, sector_t sector, unsigned short vecs,
			       enum req_op op)
{
	struct block_device *bdev = request->device->bdev;
	blk_opf_t opf = op | request->opf;
	struct bio *bio = &request->bio;

	if (sector == request->sector && vecs <= DMSNAP_IO_OWN_PAGES)
		bio_init(bio, bdev, request->pages, vecs, opf);
	else
		bio = bio_alloc_bioset(bdev, vecs, opf, GFP_NOIO, &request->device->bios);
	bio->bi_iter.bi_sector = sector;
	bio->bi_private = request;
	bio->bi_end_io = request_end_bio;
	atomic_inc(&request->pending);
	return bio;
}

/*
 * @pages may be NULL: zeros.  If a write with a flush needs several bios, each of them carries
 * the flags, so that each begins after a flush.
 */
static void submit_pages(struct dmsnap_request *request, enum req_op op, void *const *pages,
			 unsigned int offset)
{
	sector_t sector = request->sector;
	u64 bytes = (u64)request->sectors << SECTOR_SHIFT;

	while (bytes) {
		unsigned short vecs =
			min_t(u64, DIV_ROUND_UP_ULL(offset + bytes, PAGE_SIZE), BIO_MAX_VECS);
		struct bio *bio = request_bio(request, sector, vecs, op);

		while (bytes && bio->bi_vcnt < vecs) {
			struct page *page = pages ? virt_to_page(*pages) : ZERO_PAGE(0);
			unsigned int length = min_t(u64, PAGE_SIZE - offset, bytes);

			/*
			 * Not bio_add_page(): pages are rarely adjacent, and the check costs
			 * more.
			 */
			__bio_add_page(bio, page, length, offset);
			bytes -= length;
			offset = 0;
			if (pages)
				pages++;
		}
		sector += bio_sectors(bio);
		submit_bio(bio);
	}
}

/* An operation without pages, in pieces of at most @limit sectors. */
static void submit_range(struct dmsnap_request *request, enum req_op op, sector_t limit)
{
	sector_t sector = request->sector;
	sector_t left = request->sectors;

	while (left) {
		sector_t length = min(left, limit);
		struct bio *bio = request_bio(request, sector, 0, op);

		bio->bi_iter.bi_size = length << SECTOR_SHIFT;
		sector += length;
		left -= length;
		submit_bio(bio);
	}
}

static void write_zeros(struct work_struct *work)
{
	struct dmsnap_request *request = container_of(work, struct dmsnap_request, write_zeros);

	request->zero_by_device = false;
	request->error = 0;
	atomic_set(&request->pending, 1);
	submit_pages(request, REQ_OP_WRITE, NULL, 0);
	request_put(request);
}

static void submit_zeros(struct dmsnap_request *request)
{
	struct block_device *bdev = request->device->bdev;
	sector_t limit = bdev_write_zeroes_sectors(bdev);
	sector_t block = bdev_logical_block_size(bdev) >> SECTOR_SHIFT;

	limit = round_down(min_t(sector_t, limit, DMSNAP_IO_RANGE_SECTORS), block);
	/* The block layer takes flush and FUA on plain writes only. */
	if (!limit || op_is_flush(request->opf)) {
		submit_pages(request, REQ_OP_WRITE, NULL, 0);
		return;
	}
	request->zero_by_device = true;
	INIT_WORK(&request->write_zeros, write_zeros);
	submit_range(request, REQ_OP_WRITE_ZEROES, limit);
}

static blk_opf_t bio_flags(enum dmsnap_io_op op, unsigned int flags)
{
	blk_opf_t opf = 0;

	if (op == DMSNAP_IO_FLUSH || flags & DMSNAP_IO_PREFLUSH)
		opf |= REQ_PREFLUSH;
	if (flags & DMSNAP_IO_FUA)
		opf |= REQ_FUA;
	if (flags & DMSNAP_IO_META)
		opf |= REQ_META;
	if (flags & DMSNAP_IO_SYNC) {
		opf |= REQ_SYNC;
		/* Writeback throttling skips a write with both flags. */
		if (op == DMSNAP_IO_WRITE)
			opf |= REQ_IDLE;
	}
	return opf;
}

void dmsnap_port_io_submit(struct dmsnap_device *device, enum dmsnap_io_op op, unsigned int flags,
			   uint64_t sector, uint64_t sectors, void *const *pages, uint32_t offset,
			   dmsnap_io_done done, void *ctx)
{
	u64 size = dmsnap_port_device_sectors(device);
	struct dmsnap_request *request;

	might_sleep();
	if (sector > size || sectors > size - sector) {
		done(ctx, -EIO);
		return;
	}

	request = mempool_alloc(&device->requests, GFP_NOIO);
	request->device = device;
	request->sector = sector;
	request->sectors = sectors;
	request->done = done;
	request->ctx = ctx;
	request->op = op;
	request->opf = bio_flags(op, flags);
	request->error = 0;
	request->zero_by_device = false;
	request->may_outlive = flags & DMSNAP_IO_MAY_OUTLIVE;
	if (request->may_outlive)
		refcount_inc(&device->users);
	atomic_set(&request->pending, 1);

	switch (op) {
	case DMSNAP_IO_READ:
		submit_pages(request, REQ_OP_READ, pages, offset);
		break;
	case DMSNAP_IO_WRITE:
		submit_pages(request, REQ_OP_WRITE, pages, offset);
		break;
	case DMSNAP_IO_ZERO:
		submit_zeros(request);
		break;
	case DMSNAP_IO_DISCARD:
		/* A device that does not support it returns -EOPNOTSUPP. */
		submit_range(request, REQ_OP_DISCARD, DMSNAP_IO_RANGE_SECTORS);
		break;
	case DMSNAP_IO_FLUSH:
		submit_bio(request_bio(request, 0, 0, REQ_OP_WRITE));
		break;
	}
	request_put(request);
}
