// SPDX-License-Identifier: GPL-2.0-only
/*
 * port/bio.h: a bio of dm goes to a disk that completes in interrupts, and returns.
 *
 * The test plays the part of dm core.  The bio is laid out in memory as dm's are, and
 * submit_as_dm() gets what the binding passes to dm_submit_bio_remap() (see Kbuild).
 */
#include <dmsnap/port/bio.h>
#include <dmsnap/port/lock.h>
#include <linux/atomic.h>
#include <linux/blkdev.h>

#include "kunit/suites.h"
#include "kunit/test_disk.h"

#define SECTORS 1024

/**
 * struct fixture - a bio of one page and what happened to it
 * @room: dm's data and the binding's data beside the bio
 * @bio: the bio as dm hands it out
 * @came_back: the device returned it to the watcher
 * @watched_calls: how often
 * @watched_error: the error that the watcher got
 * @flags_left: flags of the queue below are still set in the bio
 * @end_io_is_dms: dm's completion function is set again
 * @ended: dm has it back
 * @end_calls: how often
 * @status: the status that dm finds in it
 */
struct fixture {
	struct dmsnap_test_disk *disk;
	void *page;
	struct {
		u8 room[1024];
		struct bio bio;
		struct bio_vec vecs[1];
	} as_dm;

	struct dmsnap_event came_back;
	atomic_t watched_calls;
	int watched_error;
	bool flags_left;
	bool end_io_is_dms;

	struct dmsnap_event ended;
	atomic_t end_calls;
	blk_status_t status;
};

static void dm_end_io(struct bio *bio)
{
	struct fixture *fixture = bio->bi_private;

	fixture->status = bio->bi_status;
	atomic_inc(&fixture->end_calls);
	dmsnap_port_event_set(&fixture->ended);
}

/* A throttled queue below sets these flags before the bio is through. */
void dmsnap_kunit_submit_as_dm(struct bio *bio, struct bio *other)
{
	bio_set_flag(bio, BIO_QOS_THROTTLED);
	bio_set_flag(bio, BIO_QOS_MERGED);
	submit_bio(bio);
}

static void watched(void *ctx, int error)
{
	struct fixture *fixture = ctx;
	struct bio *bio = &fixture->as_dm.bio;

	fixture->watched_error = error;
	fixture->flags_left = bio_flagged(bio, BIO_QOS_THROTTLED) ||
			      bio_flagged(bio, BIO_QOS_MERGED);
	fixture->end_io_is_dms = bio->bi_end_io == dm_end_io;
	atomic_inc(&fixture->watched_calls);
	dmsnap_port_event_set(&fixture->came_back);
}

static struct dmsnap_bio *bio_of(struct fixture *fixture)
{
	return (struct dmsnap_bio *)&fixture->as_dm.bio;
}

/* Makes a write of the whole page. */
static void make_bio(struct fixture *fixture)
{
	struct bio *bio = &fixture->as_dm.bio;

	memset(&fixture->as_dm, 0, sizeof(fixture->as_dm));
	bio_init(bio, fixture->disk->dm_dev.bdev, fixture->as_dm.vecs, 1, REQ_OP_WRITE);
	__bio_add_page(bio, virt_to_page(fixture->page), PAGE_SIZE, 0);
	bio->bi_private = fixture;
	bio->bi_end_io = dm_end_io;
	dmsnap_port_event_init(&fixture->came_back);
	dmsnap_port_event_init(&fixture->ended);
	atomic_set(&fixture->watched_calls, 0);
	atomic_set(&fixture->end_calls, 0);
}

static int bio_case_init(struct kunit *test)
{
	struct fixture *fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);

	if (!fixture)
		return -ENOMEM;
	fixture->page = (void *)get_zeroed_page(GFP_KERNEL);
	if (!fixture->page)
		return -ENOMEM;
	fixture->disk = dmsnap_test_disk_create(SECTORS);
	if (IS_ERR(fixture->disk)) {
		free_page((unsigned long)fixture->page);
		return PTR_ERR(fixture->disk);
	}
	memset(fixture->page, 0x5a, PAGE_SIZE);
	test->priv = fixture;
	return 0;
}

static void bio_case_exit(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	if (!fixture)
		return;
	dmsnap_test_disk_destroy(fixture->disk);
	free_page((unsigned long)fixture->page);
}

static void watch_to_its_end(struct kunit *test, u64 sector)
{
	struct fixture *fixture = test->priv;

	make_bio(fixture);
	dmsnap_port_bio_submit_watched(bio_of(fixture), &fixture->disk->device, sector, watched,
				       fixture);
	dmsnap_port_event_wait(&fixture->came_back);
	KUNIT_EXPECT_EQ(test, atomic_read(&fixture->watched_calls), 1);
	/* The core owns the bio until it ends it. */
	KUNIT_EXPECT_EQ(test, atomic_read(&fixture->end_calls), 0);
}

static void end_bio(struct kunit *test, int error, blk_status_t status)
{
	struct fixture *fixture = test->priv;

	dmsnap_port_bio_end(bio_of(fixture), error);
	dmsnap_port_event_wait(&fixture->ended);
	KUNIT_EXPECT_EQ(test, atomic_read(&fixture->end_calls), 1);
	KUNIT_EXPECT_EQ(test, fixture->status, status);
}

static void watched_bio_is_done_and_comes_back(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	watch_to_its_end(test, 24);
	KUNIT_EXPECT_EQ(test, fixture->watched_error, 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(fixture->disk->data, 0, 24 * 512));
	KUNIT_EXPECT_NULL(test, memchr_inv(fixture->disk->data + 24 * 512, 0x5a, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, fixture->disk->data[24 * 512 + PAGE_SIZE], 0);
	end_bio(test, 0, BLK_STS_OK);
}

static void watched_bio_brings_its_error(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	fixture->disk->fail_bio = 1;
	watch_to_its_end(test, 0);
	KUNIT_EXPECT_EQ(test, fixture->watched_error, -EIO);
	end_bio(test, -EIO, BLK_STS_IOERR);
}

/* The queue below has completed the bio; a second completion would be wrong there. */
static void watched_bio_is_dms_again(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	watch_to_its_end(test, 0);
	KUNIT_EXPECT_FALSE(test, fixture->flags_left);
	KUNIT_EXPECT_TRUE(test, fixture->end_io_is_dms);
	end_bio(test, 0, BLK_STS_OK);
}

static void end_says_how_it_went(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	watch_to_its_end(test, 0);
	end_bio(test, -ENOSPC, BLK_STS_NOSPC);
	/* Success as well, although the device failed the bio. */
	fixture->disk->fail_bio = 1;
	watch_to_its_end(test, 0);
	end_bio(test, 0, BLK_STS_OK);
}

static void remapped_bio_ends_by_itself(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	make_bio(fixture);
	dmsnap_port_bio_remap(bio_of(fixture), &fixture->disk->device, 16);
	dmsnap_port_bio_submit(bio_of(fixture));
	dmsnap_port_event_wait(&fixture->ended);
	KUNIT_EXPECT_EQ(test, fixture->status, BLK_STS_OK);
	KUNIT_EXPECT_NULL(test, memchr_inv(fixture->disk->data + 16 * 512, 0x5a, PAGE_SIZE));
}

static struct kunit_case bio_cases[] = {
	KUNIT_CASE(watched_bio_is_done_and_comes_back), KUNIT_CASE(watched_bio_brings_its_error),
	KUNIT_CASE(watched_bio_is_dms_again),		KUNIT_CASE(end_says_how_it_went),
	KUNIT_CASE(remapped_bio_ends_by_itself),	{},
};

struct kunit_suite dmsnap_bio_suite = {
	.name = "dmsnap-bio",
	.suite_init = dmsnap_kunit_io_init,
	.suite_exit = dmsnap_kunit_io_exit,
	.init = bio_case_init,
	.exit = bio_case_exit,
	.test_cases = bio_cases,
};
