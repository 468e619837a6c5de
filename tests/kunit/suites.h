/* SPDX-License-Identifier: GPL-2.0-only */
/* The suites, and what they share. */
#ifndef DMSNAP_KUNIT_SUITES_H
#define DMSNAP_KUNIT_SUITES_H

#include <kunit/test.h>

extern struct kunit_suite dmsnap_memory_suite;
extern struct kunit_suite dmsnap_lock_suite;
extern struct kunit_suite dmsnap_work_suite;
extern struct kunit_suite dmsnap_io_suite;
extern struct kunit_suite dmsnap_bio_suite;
extern struct kunit_suite dmsnap_core_suite;
extern struct kunit_suite dmsnap_selftest_suite;

struct bio;

/* Replaces dm_submit_bio_remap(), which needs dm's own data beside the bio. */
void dmsnap_kunit_submit_as_dm(struct bio *bio, struct bio *other);

/* Module parameters. */
extern unsigned long long dmsnap_kunit_seed;
extern unsigned long long dmsnap_kunit_steps;

/* For suites that submit I/O: initialises the driver as at load, and the reverse. */
int dmsnap_kunit_io_init(struct kunit_suite *suite);
void dmsnap_kunit_io_exit(struct kunit_suite *suite);

#endif
