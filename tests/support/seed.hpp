// SPDX-License-Identifier: GPL-2.0-only
/*
 * Seeds of randomised tests: the environment variable SEED chooses one run,
 * otherwise every test tries a range of its own; a failure tells how to run
 * that seed again.
 */
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

namespace dmsnap::test {

inline std::string rerun_line(uint64_t seed)
{
	const testing::TestInfo *test = testing::UnitTest::GetInstance()->current_test_info();
	std::string chosen = "rerun: SEED=" + std::to_string(seed);
	/* The program's tests are run together. */
	if (std::string(test->file()).find("tests/tools/") != std::string::npos)
		return chosen + " make tools-test";
	return chosen + " make unit T=" + test->test_suite_name() + "." + test->name();
}

/*
 * How many of @count random runs are made: under the sanitizers a quarter. What these
 * find lies in any, and all take several times as long.
 */
constexpr uint64_t thinned(uint64_t count)
{
#ifdef __SANITIZE_ADDRESS__
	return (count + 3) / 4;
#else
	return count;
#endif
}

/* Calls @body(seed) for each seed 1 .. thinned(@count), until one fails. */
template <typename Body> void for_seeds(uint64_t count, Body &&body)
{
	uint64_t first = 1;
	count = thinned(count);
	if (const char *chosen = std::getenv("SEED")) {
		first = std::strtoull(chosen, nullptr, 0);
		count = 1;
	}
	for (uint64_t seed = first; seed - first < count && !testing::Test::HasFailure(); seed++) {
		SCOPED_TRACE(rerun_line(seed));
		body(seed);
	}
}

} // namespace dmsnap::test
