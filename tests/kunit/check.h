/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a test body in C++ reports a failure.  C++ cannot read the kernel headers that define KUnit's
 * macros.
 */
#ifndef DMSNAP_KUNIT_CHECK_H
#define DMSNAP_KUNIT_CHECK_H

#include <dmsnap/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct dmsnap_case - one run of a test body.
 * @test: the KUnit test
 * @seed: for random parts of it
 * @steps: the length, for bodies that can be long
 * @disk: a disk of zeros
 */
struct dmsnap_case {
	void *test;
	uint64_t seed;
	uint64_t steps;
	struct dmsnap_device *disk;
};

/** dmsnap_case_failed() - reports a failure; the test continues.  Context: Any. */
void dmsnap_case_failed(const struct dmsnap_case *run, const char *what, uint64_t got,
			uint64_t want, const char *file, int line);

#ifdef __cplusplus
}

#define CHECK_EQ(run, got, want)                                                                   \
	({                                                                                         \
		const auto got_ = static_cast<uint64_t>(got);                                      \
		const auto want_ = static_cast<uint64_t>(want);                                    \
		if (got_ != want_)                                                                 \
			dmsnap_case_failed(&(run), #got " == " #want, got_, want_, __FILE__,       \
					   __LINE__);                                              \
		got_ == want_;                                                                     \
	})
#define CHECK(run, condition) CHECK_EQ(run, static_cast<bool>(condition), true)
#endif

#endif
