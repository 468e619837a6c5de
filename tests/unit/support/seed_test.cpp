// SPDX-License-Identifier: GPL-2.0-only
#include "support/seed.hpp"

#include <cstdlib>
#include <vector>

#include <gtest/gtest.h>

namespace dmsnap::test {
namespace {

TEST(Seed, each_run_has_the_same_ones_and_a_new_one)
{
	std::vector<uint64_t> tried;
	for_seeds(8, [&](uint64_t seed) { tried.push_back(seed); });
	if (const char *chosen = std::getenv("SEED")) {
		EXPECT_EQ(tried, std::vector<uint64_t>{std::strtoull(chosen, nullptr, 0)});
		return;
	}
	std::vector<uint64_t> wanted;
	for (uint64_t seed = 1; seed <= thinned(8); seed++)
		wanted.push_back(seed);
	if (new_seed())
		wanted.push_back(new_seed());
	EXPECT_EQ(tried, wanted);
	EXPECT_TRUE(std::getenv("NEW_SEED") || new_seed() > 1ull << 32);
}

} // namespace
} // namespace dmsnap::test
