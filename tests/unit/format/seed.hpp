// SPDX-License-Identifier: GPL-2.0-only
/*
 * The seed of a randomised test: $SEED, or a new one in each run.  When the test
 * fails its output says how to run it again.
 */
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace dmsnap::test {

inline uint64_t seed()
{
	const char *given = std::getenv("SEED");
	return given ? std::strtoull(given, nullptr, 0) : std::random_device{}();
}

/* For SCOPED_TRACE(). */
inline std::string rerun(uint64_t seed)
{
	const testing::TestInfo *test = testing::UnitTest::GetInstance()->current_test_info();
	return "rerun: SEED=" + std::to_string(seed) + " make unit T=" + test->test_suite_name() +
	       "." + test->name();
}

} // namespace dmsnap::test
