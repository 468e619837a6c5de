// SPDX-License-Identifier: GPL-2.0-only
/*
 * Seeds of randomised tests: every test tries its own range, the same in each
 * run, and one seed that is new in each run of the program.  The environment variable
 * SEED chooses one instead, NEW_SEED=N the new one (0: none); a failure says how to
 * run its seed again.
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
	/* The tests of the program run together. */
	if (std::string(test->file()).find("tests/tools/") != std::string::npos)
		return chosen + " make tools-test";
	return chosen + " make unit T=" + test->test_suite_name() + "." + test->name();
}

/*
 * How many of @count random runs are made: a quarter under the sanitizers, where
 * runs take several times as long, and any run may show a fault.
 */
constexpr uint64_t thinned(uint64_t count)
{
#ifdef __SANITIZE_ADDRESS__
	return (count + 3) / 4;
#else
	return count;
#endif
}

/* The seed of this run; far from the ranges of the tests. */
inline uint64_t new_seed()
{
	static const uint64_t seed = [] {
		const char *chosen = std::getenv("NEW_SEED");
		return chosen ? std::strtoull(chosen, nullptr, 0)
			      : (1ull << 32) + std::random_device{}();
	}();
	return seed;
}

/* Calls @body(seed) for each seed 1 .. thinned(@count), and for the new one, until one fails. */
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
