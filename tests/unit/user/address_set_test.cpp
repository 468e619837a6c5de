// SPDX-License-Identifier: GPL-2.0-only
#include "user/address_set.hpp"

#include <set>

#include <gtest/gtest.h>

#include "support/seed.hpp"
#include "user/random.hpp"

namespace dmsnap::user {
namespace {

/* Grows three times, and has long chains of neighbours when it is almost half full. */
TEST(AddressSet, holds_what_a_set_of_the_library_holds)
{
	test::for_seeds(20, [](uint64_t seed) {
		Random random(seed);
		AddressSet set;
		std::set<const void *> model;
		for (unsigned int step = 0; step < 20'000; step++) {
			uint64_t most = step % 5000 < 3000 ? 4 : 2;
			auto *address =
				reinterpret_cast<const void *>(16 * (1 + random.below(6000)));
			if (random.below(most)) {
				set.insert(address);
				model.insert(address);
			} else {
				ASSERT_EQ(set.erase(address), model.erase(address) == 1);
			}
			ASSERT_EQ(set.size(), model.size());
		}
		for (uint64_t n = 1; n <= 6000; n++) {
			auto *address = reinterpret_cast<const void *>(16 * n);
			ASSERT_EQ(set.contains(address), model.contains(address)) << n;
		}
	});
}

} // namespace
} // namespace dmsnap::user
