// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include "support/frozen_image.hpp"
#include "support/pattern.hpp"
#include "support/seed.hpp"
#include "user/mapped.hpp"

namespace dmsnap::user {
namespace {

using test::FrozenImage;
using test::Pattern;

TEST(Mapped, a_snapshot_shows_the_origin_as_it_was)
{
	test::for_seeds(20, [](uint64_t seed) {
		World world({.order = seed == 1 ? Order::fifo : Order::random, .seed = seed});
		Core core;
		Device &disk = world.add_device({.name = "disk", .sectors = 1024});
		world.add_device({.name = "cow", .sectors = 4096});
		disk.poke(0, Pattern{1, 1}.make(0, 1024));

		Mapped origin("origin");
		Mapped snapshot("snapshot");
		ASSERT_EQ(snapshot.create(TargetType::snapshot, 1024, "disk cow P 8"), 0)
			<< snapshot.error_text();
		ASSERT_EQ(origin.create(TargetType::origin, 1024, "disk"), 0);
		FrozenImage frozen(disk.content(), 1024);

		auto one = origin.start_write(5, Pattern{1, 2}.make(5, 100));
		auto two = origin.start_write(64, Pattern{1, 3}.make(64, 200));
		EXPECT_EQ(origin.wait(one), 0);
		EXPECT_EQ(origin.wait(two), 0);
		EXPECT_TRUE((Pattern{1, 3}.matches(110, origin.read(110, 100))));
		EXPECT_TRUE(frozen.matches_all([&](uint64_t sector, uint64_t sectors) {
			return snapshot.read(sector, sectors);
		}));
		origin.remove();
		snapshot.remove();
	});
}

TEST(Mapped, a_constructor_that_fails_leaves_its_reason)
{
	World world;
	Core core;
	Mapped snapshot("snapshot");
	EXPECT_LT(snapshot.load(TargetType::snapshot, 1024, "disk cow P 8"), 0);
	EXPECT_NE(snapshot.error_text(), "");
	EXPECT_FALSE(snapshot.live());
}

} // namespace
} // namespace dmsnap::user
