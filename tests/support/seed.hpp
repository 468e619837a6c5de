// SPDX-License-Identifier: GPL-2.0-only
/*
 * Seeds of randomised tests.  Every test tries its own fixed range, and one seed that is new
 * in each run of the program.  The environment variable SEED runs one seed instead; NEW_SEED
 * sets the new one (0: none).  A failure says how to repeat its seed.
 */
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace dmsnap::test {

inline std::string rerun_line(uint64_t seed)
{
	const testing::TestInfo *test = testing::UnitTest::GetInstance()->current_test_info();
	std::string chosen = "rerun: SEED=" + std::to_string(seed);
	/* The tests of the tools have no filter: they all run. */
	if (std::string(test->file()).find("tests/tools/") != std::string::npos)
		return chosen + " make tools-test";
	return chosen + " make unit T=" + test->test_suite_name() + "." + test->name();
}

/*
 * How many of @count random runs are made.  Under the sanitizers it is a quarter: runs take
 * several times as long there.
 */
constexpr uint64_t thinned(uint64_t count)
{
#ifdef __SANITIZE_ADDRESS__
	return (count + 3) / 4;
#else
	return count;
#endif
}

/* The new seed of this run; far from the ranges of the tests. */
inline uint64_t new_seed()
{
	static const uint64_t seed = [] {
		const char *chosen = std::getenv("NEW_SEED");
		return chosen ? std::strtoull(chosen, nullptr, 0)
			      : (1ull << 32) + std::random_device{}();
	}();
	return seed;
}

/* Calls @body for the seeds 1 .. thinned(@count) and the new one, until one fails. */
template <typename Body> void for_seeds(uint64_t count, Body &&body)
{
	auto run = [&body](uint64_t seed) {
		SCOPED_TRACE(rerun_line(seed));
		body(seed);
		return !testing::Test::HasFailure();
	};
	if (const char *chosen = std::getenv("SEED")) {
		run(std::strtoull(chosen, nullptr, 0));
		return;
	}
	for (uint64_t seed = 1; seed <= thinned(count); seed++) {
		if (!run(seed))
			return;
	}
	if (new_seed())
		run(new_seed());
}

} // namespace dmsnap::test
