// SPDX-License-Identifier: GPL-2.0-only
/* port/bio.h: bios that dm passed to a target, and their per-bio data. */
#include <dmsnap/port/bio.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>

#include "bio.h"
#include "device.h"

/**
 * struct dmsnap_watch - what precedes the core's space with each bio.
 * @end_io: dm's own completion while ours is in its place
 * @done: called when the bio has ended below
 * @ctx: for @done
 */
struct dmsnap_watch {
	bio_end_io_t *end_io;
	dmsnap_io_done done;
	void *ctx;
};

/* dm puts the per-bio data right before its own structures: keep both aligned. */
static size_t bio_data_bytes __ro_after_init;

static struct bio *to_bio(struct dmsnap_bio *bio)
{
	return (struct bio *)bio;
}

static struct dmsnap_watch *watch_of(struct bio *bio)
{
	return dm_per_bio_data(bio, bio_data_bytes);
}

void __init dmsnap_bio_init(void)
{
	bio_data_bytes = sizeof(struct dmsnap_watch) + ALIGN(dmsnap_core_io_bytes(), 8);
}

void dmsnap_bio_setup_target(struct dm_target *ti, const struct dmsnap_target_traits *traits)
{
	ti->num_flush_bios = traits->flush_bios;
	ti->num_discard_bios = traits->discard_bios;
	ti->per_io_data_size = bio_data_bytes;
	/*
	 * Then dm does not touch a held bio after the map callback has returned, as the core may
	 * have ended it by then, and accounts it when it is submitted.  The price is that only
	 * dm_submit_bio_remap() accounts it, so every held bio must be submitted with that.
	 */
	ti->accounts_remapped_io = true;
}

void dmsnap_bio_describe(struct bio *bio, struct dmsnap_bio_desc *desc)
{
	desc->sector = bio->bi_iter.bi_sector;
	desc->sectors = bio_sectors(bio);
	desc->fua = bio->bi_opf & REQ_FUA;
	desc->nr = dm_bio_get_target_bio_nr(bio);

	switch (bio_op(bio)) {
	case REQ_OP_READ:
		desc->op = DMSNAP_BIO_READ;
		break;
	case REQ_OP_WRITE:
		/* dm sends the flush for a write with data first, as a separate bio. */
		desc->op = bio->bi_opf & REQ_PREFLUSH ? DMSNAP_BIO_FLUSH : DMSNAP_BIO_WRITE;
		break;
	case REQ_OP_DISCARD:
		desc->op = DMSNAP_BIO_DISCARD;
		break;
	default:
		desc->op = DMSNAP_BIO_OTHER;
		break;
	}
}

void *dmsnap_bio_io(struct bio *bio)
{
	return watch_of(bio) + 1;
}

int dmsnap_bio_map_result(enum dmsnap_map map)
{
	switch (map) {
	case DMSNAP_MAP_REMAPPED:
		return DM_MAPIO_REMAPPED;
	case DMSNAP_MAP_HELD:
		return DM_MAPIO_SUBMITTED;
	case DMSNAP_MAP_KILL:
		break;
	}
	return DM_MAPIO_KILL;
}

void dmsnap_port_bio_accept(struct dmsnap_bio *bio, uint32_t sectors)
{
	if (sectors < bio_sectors(to_bio(bio)))
		dm_accept_partial_bio(to_bio(bio), sectors);
}

void dmsnap_port_bio_remap(struct dmsnap_bio *bio, struct dmsnap_device *device, uint64_t sector)
{
	bio_set_dev(to_bio(bio), device->dev->bdev);
	to_bio(bio)->bi_iter.bi_sector = sector;
}

/* This also charges the bio to the cgroup of the writer, not of our worker. */
void dmsnap_port_bio_submit(struct dmsnap_bio *bio)
{
	dm_submit_bio_remap(to_bio(bio), NULL);
}

static void watched_end(struct bio *bio)
{
	struct dmsnap_watch *watch = watch_of(bio);

	bio->bi_end_io = watch->end_io;
	/*
	 * The queue below has seen the completion already: dmsnap_port_bio_end() must not report
	 * it again.
	 */
	bio_clear_flag(bio, BIO_QOS_THROTTLED);
	bio_clear_flag(bio, BIO_QOS_MERGED);
	watch->done(watch->ctx, blk_status_to_errno(bio->bi_status));
}

void dmsnap_port_bio_submit_watched(struct dmsnap_bio *bio, struct dmsnap_device *device,
				    uint64_t sector, dmsnap_io_done done, void *ctx)
{
	struct dmsnap_watch *watch = watch_of(to_bio(bio));

	dmsnap_port_bio_remap(bio, device, sector);
	watch->end_io = to_bio(bio)->bi_end_io;
	watch->done = done;
	watch->ctx = ctx;
	to_bio(bio)->bi_end_io = watched_end;
	dm_submit_bio_remap(to_bio(bio), NULL);
}

void dmsnap_port_bio_end(struct dmsnap_bio *bio, int error)
{
	to_bio(bio)->bi_status = errno_to_blk_status(error);
	bio_endio(to_bio(bio));
}
