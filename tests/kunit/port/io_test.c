// SPDX-License-Identifier: GPL-2.0-only
/*
 * port/device.h: how dmsnap_port_io_submit() handles its arguments, on a disk that completes in
 * interrupts.
 */
#include <dmsnap/port/device.h>
#include <dmsnap/port/lock.h>
#include <dmsnap/port/memory.h>
#include <linux/atomic.h>
#include <linux/preempt.h>

#include "kunit/suites.h"
#include "kunit/test_disk.h"

#define SECTORS 8192
#define PAGES (DMSNAP_IO_ATOMIC_SECTORS / 8)
/* One call for the whole disk. */
#define LONGEST_PAGES (SECTORS / 8)
#define LONGEST_BIOS (LONGEST_PAGES / BIO_MAX_VECS)

struct fixture {
	struct dmsnap_test_disk *disk;
	/* PAGES pages, repeated. */
	void *pages[LONGEST_PAGES];
};

/* A call and its result. */
struct call {
	struct dmsnap_event ended;
	atomic_t dones;
	int error;
};

static void call_done(void *ctx, int error)
{
	struct call *call = ctx;

	call->error = error;
	atomic_inc(&call->dones);
	dmsnap_port_event_set(&call->ended);
}

static void start(struct call *call, struct fixture *fixture, enum dmsnap_io_op op,
		  unsigned int flags, u64 sector, u64 sectors, u32 offset)
{
	dmsnap_port_event_init(&call->ended);
	atomic_set(&call->dones, 0);
	dmsnap_port_io_submit(&fixture->disk->device, op, flags, sector, sectors, fixture->pages,
			      offset, call_done, call);
}

static int finish(struct kunit *test, struct call *call)
{
	dmsnap_port_event_wait(&call->ended);
	KUNIT_EXPECT_EQ(test, atomic_read(&call->dones), 1);
	return call->error;
}

static int do_io(struct kunit *test, enum dmsnap_io_op op, unsigned int flags, u64 sector,
		 u64 sectors, u32 offset)
{
	struct call call;

	start(&call, test->priv, op, flags, sector, sectors, offset);
	return finish(test, &call);
}

static void fill_pages(struct fixture *fixture, u8 first)
{
	int i;

	for (i = 0; i < PAGES; i++)
		memset(fixture->pages[i], first + i, DMSNAP_PAGE_SIZE);
}

static int io_case_init(struct kunit *test)
{
	struct fixture *fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);
	int i;

	if (!fixture)
		return -ENOMEM;
	fixture->disk = dmsnap_test_disk_create(SECTORS);
	if (IS_ERR(fixture->disk))
		return PTR_ERR(fixture->disk);
	test->priv = fixture;
	for (i = 0; i < PAGES; i++) {
		fixture->pages[i] = dmsnap_port_page_alloc(DMSNAP_ALLOC_CONSTRUCT);
		if (!fixture->pages[i])
			return -ENOMEM;
	}
	for (; i < LONGEST_PAGES; i++)
		fixture->pages[i] = fixture->pages[i - PAGES];
	return 0;
}

static void io_case_exit(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	int i;

	if (!fixture)
		return;
	for (i = 0; i < PAGES; i++)
		dmsnap_port_page_free(fixture->pages[i]);
	dmsnap_test_disk_destroy(fixture->disk);
}

static void written_is_read_back_from_any_offset(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u8 *data = fixture->disk->data;

	fill_pages(fixture, 1);
	KUNIT_EXPECT_EQ(test, do_io(test, DMSNAP_IO_WRITE, 0, 100, 17, 1024), 0);
	/* 6 sectors of the first page, 8 of the second, and 3 of the third. */
	KUNIT_EXPECT_NULL(test, memchr_inv(data, 0, 100 * 512));
	KUNIT_EXPECT_NULL(test, memchr_inv(data + 100 * 512, 1, 6 * 512));
	KUNIT_EXPECT_NULL(test, memchr_inv(data + 106 * 512, 2, 8 * 512));
	KUNIT_EXPECT_NULL(test, memchr_inv(data + 114 * 512, 3, 3 * 512));
	KUNIT_EXPECT_EQ(test, data[117 * 512], 0);
	fill_pages(fixture, 50);
	KUNIT_EXPECT_EQ(test, do_io(test, DMSNAP_IO_READ, 0, 105, 2, 512), 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(fixture->pages[0], 50, 512));
	KUNIT_EXPECT_NULL(test, memchr_inv(fixture->pages[0] + 512, 1, 512));
	KUNIT_EXPECT_NULL(test, memchr_inv(fixture->pages[0] + 1024, 2, 512));
	KUNIT_EXPECT_NULL(test, memchr_inv(fixture->pages[0] + 1536, 50, 4096 - 1536));
}

static void longest_write_with_a_flush_is_one_bio(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	fill_pages(fixture, 7);
	KUNIT_EXPECT_EQ(test,
			do_io(test, DMSNAP_IO_WRITE, DMSNAP_IO_PREFLUSH | DMSNAP_IO_FUA, 8,
			      DMSNAP_IO_ATOMIC_SECTORS, 0),
			0);
	KUNIT_EXPECT_EQ(test, fixture->disk->bios, 1);
	KUNIT_EXPECT_EQ(test, fixture->disk->flushes, 1);
	KUNIT_EXPECT_EQ(test, fixture->disk->fuas, 1);
}

static void flush_is_one_bio_without_data(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, do_io(test, DMSNAP_IO_FLUSH, 0, 0, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, fixture->disk->bios, 1);
	KUNIT_EXPECT_EQ(test, fixture->disk->flushes, 1);
	KUNIT_EXPECT_EQ(test, do_io(test, DMSNAP_IO_WRITE, 0, 0, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, fixture->disk->flushes, 1);
	KUNIT_EXPECT_EQ(test, fixture->disk->fuas, 0);
}

static void zeros_are_written_whatever_the_device_can_do(struct kunit *test)
{
	static const struct {
		bool no_write_zeroes;
		unsigned int flags;
	} ways[] = {{false, 0}, {true, 0}, {false, DMSNAP_IO_FUA}};
	struct fixture *fixture = test->priv;
	u8 *data = fixture->disk->data;
	int i;

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		memset(data, 0xff, SECTORS * 512);
		fixture->disk->no_write_zeroes = ways[i].no_write_zeroes;
		KUNIT_EXPECT_EQ(test, do_io(test, DMSNAP_IO_ZERO, ways[i].flags, 3, 2001, 0), 0);
		KUNIT_EXPECT_EQ(test, data[3 * 512 - 1], 0xff);
		KUNIT_EXPECT_NULL(test, memchr_inv(data + 3 * 512, 0, 2001 * 512));
		KUNIT_EXPECT_EQ(test, data[2004 * 512], 0xff);
	}
	KUNIT_EXPECT_GT(test, fixture->disk->fuas, 0);
}

static void discard_is_a_hint(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, do_io(test, DMSNAP_IO_DISCARD, 0, 8, 800, 0), 0);
}

static void out_of_range_fails_at_once(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, do_io(test, DMSNAP_IO_READ, 0, SECTORS, 1, 0), -EIO);
	KUNIT_EXPECT_EQ(test, do_io(test, DMSNAP_IO_WRITE, 0, SECTORS - 7, 8, 0), -EIO);
	KUNIT_EXPECT_EQ(test, do_io(test, DMSNAP_IO_ZERO, 0, U64_MAX - 3, 8, 0), -EIO);
	KUNIT_EXPECT_EQ(test, fixture->disk->bios, 0);
	KUNIT_EXPECT_EQ(test, do_io(test, DMSNAP_IO_READ, 0, SECTORS - 8, 8, 0), 0);
}

static void one_bad_bio_fails_the_call_once(struct kunit *test)
{
	static const struct {
		enum dmsnap_io_op op;
		unsigned int flags;
	} calls[] = {{DMSNAP_IO_READ, 0}, {DMSNAP_IO_WRITE, 0}, {DMSNAP_IO_ZERO, DMSNAP_IO_FUA}};
	struct fixture *fixture = test->priv;
	struct dmsnap_test_disk *disk = fixture->disk;
	int i, nth;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		for (nth = 1; nth <= LONGEST_BIOS; nth++) {
			disk->bios = 0;
			disk->fail_bio = nth;
			KUNIT_EXPECT_EQ(test,
					do_io(test, calls[i].op, calls[i].flags, 0, SECTORS, 0),
					-EIO);
			KUNIT_EXPECT_EQ(test, disk->bios, LONGEST_BIOS);
		}
		KUNIT_EXPECT_EQ(test, do_io(test, calls[i].op, calls[i].flags, 0, SECTORS, 0), 0);
	}
}

static void zeros_that_the_device_fails_to_make_are_written(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct dmsnap_test_disk *disk = fixture->disk;
	int nth;

	/* The device zeroes in 8 bios of 256 sectors.  One fails, so zeros are written. */
	for (nth = 1; nth <= 8; nth++) {
		memset(disk->data, 0xff, SECTORS * 512);
		disk->bios = 0;
		disk->fail_bio = nth;
		KUNIT_EXPECT_EQ(test, do_io(test, DMSNAP_IO_ZERO, 0, 0, 2001, 0), 0);
		KUNIT_EXPECT_EQ(test, disk->bios, 9);
		KUNIT_EXPECT_NULL(test, memchr_inv(disk->data, 0, 2001 * 512));
	}
	disk->no_write_zeroes = true;
	disk->fail_bio = 9;
	KUNIT_EXPECT_EQ(test, do_io(test, DMSNAP_IO_ZERO, 0, 0, 2001, 0), -EIO);
}

static void many_calls_at_a_time_all_end(struct kunit *test)
{
	const unsigned int count = 200;
	struct call *calls = kunit_kcalloc(test, count, sizeof(*calls), GFP_KERNEL);
	struct fixture *fixture = test->priv;
	struct dmsnap_plug plug;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, calls);
	fixture->disk->delay_ns = NSEC_PER_MSEC;
	dmsnap_port_plug_begin(&plug);
	for (i = 0; i < count; i++)
		start(&calls[i], fixture, i % 2 ? DMSNAP_IO_READ : DMSNAP_IO_WRITE, 0, 32 * i, 32,
		      0);
	dmsnap_port_plug_end(&plug);
	for (i = 0; i < count; i++)
		KUNIT_EXPECT_EQ(test, finish(test, &calls[i]), 0);
}

static void device_says_what_it_is(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct dmsnap_device *device = &fixture->disk->device;
	char name[DMSNAP_DEVICE_NAME_BYTES], want[DMSNAP_DEVICE_NAME_BYTES];
	u64 id;

	KUNIT_EXPECT_EQ(test, dmsnap_port_device_sectors(device), SECTORS);
	KUNIT_EXPECT_EQ(test, dmsnap_port_device_block_sectors(device), 1);
	dmsnap_port_device_name(device, name);
	snprintf(want, sizeof(want), "%d:%d", disk_devt(fixture->disk->disk) >> MINORBITS,
		 MINOR(disk_devt(fixture->disk->disk)));
	KUNIT_EXPECT_STREQ(test, name, want);
	KUNIT_EXPECT_EQ(test, dmsnap_port_device_find(name, &id), 0);
	KUNIT_EXPECT_EQ(test, id, dmsnap_port_device_id(device));
	KUNIT_EXPECT_NE(test, dmsnap_port_device_find("/dev/nothing-of-that-name", &id), 0);
}

static struct kunit_case io_cases[] = {
	KUNIT_CASE(written_is_read_back_from_any_offset),
	KUNIT_CASE(longest_write_with_a_flush_is_one_bio),
	KUNIT_CASE(flush_is_one_bio_without_data),
	KUNIT_CASE(zeros_are_written_whatever_the_device_can_do),
	KUNIT_CASE(discard_is_a_hint),
	KUNIT_CASE(out_of_range_fails_at_once),
	KUNIT_CASE(one_bad_bio_fails_the_call_once),
	KUNIT_CASE(zeros_that_the_device_fails_to_make_are_written),
	KUNIT_CASE(many_calls_at_a_time_all_end),
	KUNIT_CASE(device_says_what_it_is),
	{},
};

struct kunit_suite dmsnap_io_suite = {
	.name = "dmsnap-io",
	.suite_init = dmsnap_kunit_io_init,
	.suite_exit = dmsnap_kunit_io_exit,
	.init = io_case_init,
	.exit = io_case_exit,
	.test_cases = io_cases,
};
