// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-snapshot-kunit.ko: KUnit runs its suites when the module is loaded.
 *
 *   seed=N     of randomised cases; 0, the default: a new one each time
 *   steps=N    length of the long cases
 *   selftest=1 adds a case that fails, to test that failures are detected
 */
#include <dmsnap/port/log.h>
#include <linux/module.h>
#include <linux/random.h>

#include "bio.h"
#include "device.h"
#include "kunit/suites.h"

unsigned long long dmsnap_kunit_seed;
module_param_named(seed, dmsnap_kunit_seed, ullong, 0444);

unsigned long long dmsnap_kunit_steps = 20000;
module_param_named(steps, dmsnap_kunit_steps, ullong, 0444);

static bool selftest;
module_param(selftest, bool, 0444);

unsigned int dmsnap_port_cow_threshold(void)
{
	return 2048;
}

unsigned int dmsnap_port_copy_throttle(void)
{
	return 100;
}

bool dmsnap_port_origin_discards(void)
{
	return true;
}

unsigned int dmsnap_port_copy_ahead(void)
{
	return 0;
}

unsigned int dmsnap_port_no_space_timeout(void)
{
	return 60;
}

bool dmsnap_port_stall_on_full(void)
{
	return false;
}

unsigned int dmsnap_port_low_water(void)
{
	return 0;
}

bool dmsnap_port_refuse_bad_store(void)
{
	return true;
}

int dmsnap_kunit_io_init(struct kunit_suite *suite)
{
	return dmsnap_io_init();
}

void dmsnap_kunit_io_exit(struct kunit_suite *suite)
{
	dmsnap_io_exit();
}

static void fails_when_asked_to(struct kunit *test)
{
	if (!selftest)
		kunit_skip(test, "selftest=0");
	KUNIT_FAIL(test, "as asked");
}

static struct kunit_case selftest_cases[] = {
	KUNIT_CASE(fails_when_asked_to),
	{},
};

struct kunit_suite dmsnap_selftest_suite = {
	.name = "dmsnap-selftest",
	.test_cases = selftest_cases,
};

kunit_test_suites(&dmsnap_memory_suite, &dmsnap_lock_suite, &dmsnap_work_suite, &dmsnap_io_suite,
		  &dmsnap_bio_suite, &dmsnap_core_suite, &dmsnap_selftest_suite);

static int __init dmsnap_kunit_init(void)
{
	if (!dmsnap_kunit_seed)
		dmsnap_kunit_seed = get_random_u32();
	dmsnap_bio_init();
	return 0;
}

static void __exit dmsnap_kunit_exit(void)
{
}

module_init(dmsnap_kunit_init);
module_exit(dmsnap_kunit_exit);

MODULE_DESCRIPTION("tests of the device-mapper snapshot driver in the kernel");
MODULE_AUTHOR("The dmsnap authors");
MODULE_LICENSE("GPL");
