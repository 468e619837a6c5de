// SPDX-License-Identifier: GPL-2.0-only
/* The suite of the test bodies in C++, and what they need from KUnit. */
#include <kunit/test.h>

#include "device.h"
#include "kunit/check.h"
#include "kunit/suites.h"
#include "kunit/test_disk.h"

#define DISK_SECTORS 8192

void dmsnap_case_failed(const struct dmsnap_case *run, const char *what, uint64_t got,
			uint64_t want, const char *file, int line)
{
	struct kunit *test = run->test;

	KUNIT_FAIL(test, "%s:%d: expected %s, got %llu, want %llu (seed=%llu)", file, line, what,
		   got, want, run->seed);
}

typedef void dmsnap_case_body(const struct dmsnap_case *run);

static void run_body(struct kunit *test, dmsnap_case_body *body)
{
	struct dmsnap_case run = {
		.test = test,
		.seed = dmsnap_kunit_seed,
		.steps = dmsnap_kunit_steps,
		.disk = dmsnap_test_disk_device(test->priv),
	};

	kunit_info(test, "seed=%llu steps=%llu", run.seed, run.steps);
	body(&run);
}

#define DMSNAP_CORE_CASE(name)                                                                     \
	dmsnap_case_body dmsnap_case_##name;                                                       \
	static void name(struct kunit *test)                                                       \
	{                                                                                          \
		run_body(test, dmsnap_case_##name);                                                \
	}
#include "cases.def"
#undef DMSNAP_CORE_CASE

static struct kunit_case core_cases[] = {
#define DMSNAP_CORE_CASE(name) KUNIT_CASE(name),
#include "cases.def"
#undef DMSNAP_CORE_CASE
	{},
};

static int core_case_init(struct kunit *test)
{
	test->priv = dmsnap_test_disk_create(DISK_SECTORS);
	return PTR_ERR_OR_ZERO(test->priv);
}

static void core_case_exit(struct kunit *test)
{
	if (!IS_ERR_OR_NULL(test->priv))
		dmsnap_test_disk_destroy(test->priv);
}

struct kunit_suite dmsnap_core_suite = {
	.name = "dmsnap-core",
	.suite_init = dmsnap_kunit_io_init,
	.suite_exit = dmsnap_kunit_io_exit,
	.init = core_case_init,
	.exit = core_case_exit,
	.test_cases = core_cases,
};
