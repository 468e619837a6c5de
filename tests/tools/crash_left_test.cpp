// SPDX-License-Identifier: GPL-2.0-only
/*
 * StoreReader must find nothing wrong with a store that the driver loads after a crash, and
 * something wrong with every store that the driver refuses.
 */
#include <gtest/gtest.h>

#include "sim/machine.hpp"
#include "store/store_reader.hpp"
#include "support/seed.hpp"
#include "tools/memory_source.hpp"

namespace dmsnap::test {
namespace {

struct Ignore final : tool::StoreVisitor {};

TEST(StoreReader, agrees_with_the_driver_on_what_crashes_leave)
{
	uint64_t seeds = 0, good = 0, invalid = 0, refused = 0;

	for_seeds(600, [&](uint64_t seed) {
		seeds++;
		auto look = [&](const sim::LeftStore &left) {
			MemorySource source(left.cow, left.cow_sectors);
			tool::ReadOptions options;
			options.origin_bytes = left.disk_sectors * 512;
			tool::StoreReader reader(source, options);
			Ignore ignore;
			const tool::StoreReport &report = reader.read(ignore);
			if (!left.loaded) {
				refused++;
				EXPECT_GT(report.findings, 0u);
			} else if (left.invalid) {
				invalid++;
				EXPECT_EQ(report.valid, 0u);
			} else {
				good++;
				EXPECT_EQ(report.findings, 0u);
			}
		};
		/* A shortened device causes most refusals. */
		sim::Machine machine(sim::plan_of(seed, sim::resizes), {.store_left = look});
		machine.run();
	});
	if (seeds == 1)
		return;
	EXPECT_GT(good, 1000u);
	EXPECT_GT(invalid, 10u);
	EXPECT_GT(refused, 10u);
}

} // namespace
} // namespace dmsnap::test
