/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thread of a test that can be waited for: afterwards none of its code is left
 * to run, so that the module may be unloaded.
 */
#ifndef DMSNAP_KUNIT_THREAD_H
#define DMSNAP_KUNIT_THREAD_H

#include <kunit/test.h>
#include <linux/completion.h>

struct dmsnap_test_thread {
	void (*run)(void *ctx);
	void *ctx;
	struct completion ended;
};

/* The test ends here if no thread can be created. */
void dmsnap_test_thread_start(struct kunit *test, struct dmsnap_test_thread *thread,
			      void (*run)(void *ctx), void *ctx);

void dmsnap_test_thread_join(struct dmsnap_test_thread *thread);

#endif
