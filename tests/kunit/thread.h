/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A test thread that can be waited for.  After the wait none of its code is running, so the module
 * may be unloaded.
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

/* If the thread cannot be created, the test ends here. */
void dmsnap_test_thread_start(struct kunit *test, struct dmsnap_test_thread *thread,
			      void (*run)(void *ctx), void *ctx);

void dmsnap_test_thread_join(struct dmsnap_test_thread *thread);

#endif
