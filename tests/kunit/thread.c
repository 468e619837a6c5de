// SPDX-License-Identifier: GPL-2.0-only
#include "kunit/thread.h"

#include <linux/kthread.h>

static int thread_main(void *ctx)
{
	struct dmsnap_test_thread *thread = ctx;

	thread->run(thread->ctx);
	kthread_complete_and_exit(&thread->ended, 0);
}

void dmsnap_test_thread_start(struct kunit *test, struct dmsnap_test_thread *thread,
			      void (*run)(void *ctx), void *ctx)
{
	thread->run = run;
	thread->ctx = ctx;
	init_completion(&thread->ended);
	KUNIT_ASSERT_FALSE(test, IS_ERR(kthread_run(thread_main, thread, "dmsnap-test")));
}

void dmsnap_test_thread_join(struct dmsnap_test_thread *thread)
{
	wait_for_completion(&thread->ended);
}
